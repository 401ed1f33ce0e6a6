"""Pure rules of agreements: state, commands, times and ids in; events or refusals out.

In the order of reading: agreement (what its events have made of it), agreements (how it comes to stand),
clauses (what can be wrong with its terms), standing (what happens while it does), matched (what a match
becomes), volumes (sums of its years), differences (between proposals), refusals.
"""
