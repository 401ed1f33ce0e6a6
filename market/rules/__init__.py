"""Pure rules: state, commands, times and ids in; events or refusals out. Nothing else in the market decides.

In the order of reading, each package from what a command or an event meets first to what it rests on. Which
may import which, and none in a circle, says `pyproject.toml`; what several of them stand on, or what asks
several of them, lies beside them.

    orders       offers, lots, requirements; requirement_drafts; supplies, supply_checks; bids, horizons,
                 materials, oxide_forms (what a form can hold), oxide_prices (which oxides a price is per),
                 activities (of Th and U), payment_words (which no contract keeps), value_shares; orders,
                 reservations; rex (routes, steps down), rex_steps (where goods went), cores (bills of
                 magnets), whole_magnets, magnet_grades; policies (the documents), policy_references (who may
                 name them), initiatives; forecast_supply (what is not there yet), forecast_units (no unit
                 twice); counting, agreement_counting (against what a facility can make); twin_references;
                 tolerance (what a round would not count); customs (CN codes, export licences);
                 passport_evidence; unknown_names (of initiatives, schemes, members), left_lots (what is
                 offered and has left); far_prices (from the reference), unlikely_magnets (of twins and
                 forecasts)
    twins        capacities (what a facility makes), committed (what orders have of it), twins (both);
                 product_twins, magnet_shares, disassembly (its score), dated_rules;
                 returns (of products, years ahead), return_chances, poisson_binomial, weibull
    clearing     clearings (when), clearing (what); rounds, graph, node_columns, posing, sections;
                 cleared, prices
      its record   round_events, match_facts, told_sections, told_trades, lot_products;
                   waterfalls (of all trades), waterfall_lines, bid_columns; evidence, written;
                   certificate (checks it without a solver), round_record, breaches, differences, exports
      a pair       eligibility, material_reasons, delivery_papers; pricing, amounts, readings
      many pairs   candidates, screening, rex_columns, paper_columns, valuation, carbon_columns;
                   assay_columns, supply_columns (each read once), exact_floors, columns
      whole lots   order_limits; indivisible, stages; packages_check, effective
      portfolios   portfolio; quota_sections, quota_record, quotas_check; quotas, offered, portfolio_lp
      again        rounds_again, rule_set_changes, whole_ticks
    optimum      problem, solve, resolve, lowered (less demand), bounds, check, levels, components;
                 network_simplex, transport_graph, compiled
    passports    passports, lot_checks, passport_cautions, passport_content; bound_lots (what is sold of
                 them), shipped_lots (shipments compared with them), shipped_claims (of its footprint),
                 delivered_lots (what arrives), returned_lots (what goes back), settled_lots (what stays of
                 it); plausible_masses (warnings), stated_papers (warnings);
                 transformations, element_balance, yields (what they lose), mass_balance;
                 lineage (where its elements come from), lineage_layers;
                 data_carriers (where its code leads), magnet_types (by what they
                 hold), magnet_labels (what a label owes)
    crma         taken (what of whom, and its origin), resales (what buyers sold on), shares (of consumption,
                 days of cover), suppliers (who took it from where), statement (of a product's magnets),
                 dated (what applies when); declared_volumes, declared, volume_content,
                 volume_defects (bought or sold elsewhere), volume_doubles (what trades here count already)
    parties      parties, facilities, partners (of initiatives), papers, licence_kinds (which open waste),
                 keys, members, alike_names (names that read the same); openings (what is not over), leaving
                 (a market), closings (the whole)
    visibility   record_visibility, audience; visibility, proof_visibility, passport_visibility,
                 crma_visibility; own_side, own_round, own_refusals (shown at once), explanations, standings,
                 tickets, term_matches;
                 quotes (what if);
                 tape, taping, crowd, content_bands, mixing (what is published together),
                 offer_passing (an offer past all of these at once);
                 initiative_figures (sums of an initiative's partners), rex_visibility;
                 contract_visibility, deal_tape, deal_mixing, deals; party_visibility
    streams      streams (on and off), topic_rights, partner_events, partner_lines, wire_units, wire_writing,
                 wire_schemas, closed_lists; webhooks (the endpoints), webhook_signing, webhook_retries;
                 reach (which addresses)
    refusing     refusals (the desk), party_refusals (the register), defects (a draft's content),
                 material_defects (its goods), policy_defects, forecast_defects, twin_defects,
                 passport_refusals; ineligibility, reason_sentences; wellformed, unread, wording

Beside them: assignment (the door of the optimum), book (a lane's fold), quantities, references,
market_inputs, footprints (warnings), tranches, packages, rounding, goods, countries; passport (its fold),
custody, stage_paths (steps before the last), full_origins (which steps count), element_masses; policy_lines
(the strictest of all lines); matches, match_terms (for its contract), agreed_waste (papers of what ships),
offered_evidence (what a lot proves less of than was offered), reliability (who may only trade firm orders),
funnel (how far matches got); inputs (recorded from elsewhere, and rule sets), input_changes (far from what
stood before), rule_set_cautions (warnings), rehearsals; viewers, callers, webhook_terms; materials_remade (by
an audit), recoveries (of the record).
"""
