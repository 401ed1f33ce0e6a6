"""Pure rules: state, commands, times and ids in; events or refusals out. Nothing else in the market decides.

In the order of reading, each line from what a command meets first to what it rests on:

    an order     offers, lots, requirements; supplies, bids, horizons, materials, value_shares; orders,
                 reservations, tranches
    policies     policies (the documents), policy_references (who may name them), policy_lines (the
                 strictest of all lines); countries
    units        quantities, references, market_inputs
    a round      clearings (when), clearing (what); book, rounds, graph, posing, sections; cleared, prices
    its record   round_events, evidence; certificate (checks it without a solver), round_record, breaches,
                 differences, exports
    reuse        rex (routes, steps down), cores (bills of magnets), whole_magnets; goods (for the buyer)
    a pair       eligibility, delivery_papers, ineligibility, reason_sentences; pricing, amounts, readings
    many pairs   candidates, screening, rex_columns, paper_columns, valuation; assay_columns, exact_floors,
                 columns
    whole lots   order_limits; indivisible, stages; packages, packages_check, rounding, effective
    portfolios   portfolio; quota_sections, quota_record, quotas_check; quotas, offered, portfolio_lp
    the optimum  assignment; assignment_problem, assignment_solve, assignment_resolve, assignment_bounds,
                 assignment_check, assignment_levels, assignment_components; network_simplex,
                 transport_graph, compiled
    a match      matches; match_terms (for its contract), funnel (what became of all)
    what if      quotes, rehearsals; rounds_again, rule_set_changes, whole_ticks
    a lot        passports, passport (its fold), passport_content; transformations, element_masses, custody,
                 mass_balance; lineage (where its elements come from), lineage_layers;
                 passport_evidence (in orders), data_carriers (where its code leads);
                 materials_remade (by an audit)
    a facility   capacities (what it makes), committed (what orders have of it), twins (both); counting
                 (orders against it), agreement_counting
    a product    product_twins, twin_references (orders that rest on one); disassembly (its score),
                 dated_rules
    ahead        forecast_supply (orders of what is not there yet), forecast_units (no unit twice);
                 returns (of products, years ahead), weibull (their lives); return_chances (quantiles),
                 poisson_binomial
    the union    crma (shares of consumption, days of cover), crma_suppliers (who took it from where);
                 declared_volumes (not traded here), volume_content, crma_declared (as the monitor counts
                 them),
                 crma_statement (of a product's magnets); crma_rules (what applies when)
    who sees     record_visibility, audience; visibility, proof_visibility, passport_visibility,
                 crma_visibility; viewers,
                 own_side, own_round, explanations, standings, tickets, tape, taping, crowd, content_bands,
                 mixing (what leaves for the tape together);
                 contract_visibility, deal_tape, deal_mixing, deals; party_visibility, facts
    streams      streams (on and off), topic_rights, partner_events, partner_lines, wire_units, wire_writing,
                 wire_schemas
    webhooks     webhooks (the endpoints), webhook_terms; webhook_signing, webhook_retries; reach (which
                 addresses)
    who trades   parties, papers, keys, initiatives, members, callers
    the market   inputs (recorded from elsewhere, and rule sets); recoveries (of the record)
    saying no    refusals (the desk), defects (a draft's content), policy_defects,
                 forecast_defects, twin_defects, volume_defects, passport_refusals; wellformed, unread,
                 wording
"""
