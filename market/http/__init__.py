"""The HTTP API (the door): routes, their request and response bodies, problems, access, limits.

app          all routes put together
parties      organisations, facilities, papers, keys, initiatives
orders       offers, lots, requirements; what they state; who would fit; procurement policies
rounds       markets, members, rule sets and other inputs; clearings, matches, quotes, the book
agreements   agreements and their steps, nominations, deliveries, invoices, statements, indices
materials    passports, transformations, lineage, exports; twins, returns; the CRMA monitor
files        imports, their kinds and templates
streams      feed, partners' topics, webhooks
proofs       checkpoints, receipts, matches, recorded audits
wire         what every route has in common: endpoint, access, limits, problems, ids, numbers, pages
"""
