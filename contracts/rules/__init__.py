"""Pure rules of agreements: state, commands, times and ids in; events or refusals out.

In reading order, each line from what a command meets first to what it depends on:

    an agreement   agreement (what its events have made of it), agreement_times (when), agreements (how it
                   comes to stand), clauses (what can be wrong with its terms), agreed_analytes (which
                   nobody can state), effective_days (from which day an amendment counts),
                   in_force (terms one after the other), cautions (what they may not mean),
                   unmeetable (what nobody can do of them), standing (what
                   happens while it stands), matched (what a match becomes),
                   differences (between proposals), steps (what each asks first)
    volumes        nominations, contract_years, volumes (sums of its years); days
    the clock      clock (what falls due by itself, and in which order)
    a delivery     deliveries, delivery (its fold), delivered, goods and demands (beside
                   what was agreed), replacements (of a rejected lot);
                   weighings (the mass received), received_masses (beside
                   what was shipped), non_arrivals; results, assays, oxides (what they can
                   hold), far_results (warnings), materials, claims (what is
                   stated beside them and paid for); calls (by when the buyer acts), awaits
                   (who has to act), deemed
                   (what the clock does instead); open_contests (what waits to be settled, of
                   agreements too)
    a price        prices, quotation, indices, index_units, price_terms (shared with the market)
    an invoice     settlements, invoices, quantities (how its quantity came about),
                   references (what the sides' books call it); returns (what goes back after it
                   was accepted)
    a payment      payments, payment_checks; payment (its fold, and what is open of an invoice)
    a year         shortfall (its ledger), balances, year_accounts, year_prices, statements
    refusals       refusals, delivery_refusals, price_refusals (of indices and invoices), volume_refusals,
                   payment_refusals
"""
