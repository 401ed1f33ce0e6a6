"""Bodies and query strings: every fault at once, each at its place."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from market.http.materials.crma import SharesQuery
from market.http.orders.requirements import PostRequirement
from market.http.orders.supplies import PostSupply
from market.http.wire.examples import OFFER, REQUIREMENT
from market.http.wire.faults import InvalidInputError
from market.http.wire.lists import PageQuery
from market.http.wire.validation import decode, parse_query

MANY = 50_000


def faults_of(raw: bytes, shape: Any = PostSupply) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        decode(raw, shape)
    return {fault.pointer or "": fault.code for fault in caught.value.faults}


def changed(changes: dict[str, Any]) -> bytes:
    return json.dumps({**OFFER, **changes}).encode()


def test_the_examples_of_the_documentation_are_accepted() -> None:
    assert OFFER["market"] == decode(json.dumps(OFFER).encode(), PostSupply).market
    assert "5000.000" == decode(json.dumps(REQUIREMENT).encode(), PostRequirement).basis_kg


def test_all_faults_come_together() -> None:
    body = {key: value for key, value in OFFER.items() if key != "incoterm"} | {
        "net_wet_t": "NaN",
        "moisture_percent": 5,
        "ask": {"amount": "69.1234567", "currency": "usd", "per": "troy"},
        "valid_until": "2027-03-15T00:00:00",
        "tranches": [
            {"window": {"start": "2027-07-01T00:00:00Z", "end": "2027-07-01T00:00:00Z"}, "net_wet_t": "1e3"}
        ],
        "payment_terms": "30 days\u0000",
        "facility": "fac_1",
        "colour": "red",
        "composition": {
            "basis": "dry",
            "of": "treo",
            "cells": [
                {"analyte": "Nd", "state": "value", "fraction": {"unit": "percent", "amount": "100.01"}},
                {"analyte": "Pr", "state": "measured"},
            ],
        },
    }
    assert faults_of(json.dumps(body).encode()) == {
        "/incoterm": "missing",
        "/net_wet_t": "not_finite",
        "/moisture_percent": "wrong_type",
        "/ask/amount": "over_precise",
        "/ask/currency": "malformed",
        "/ask/per": "not_allowed",
        "/valid_until": "naive_time",
        "/tranches/0/window": "invalid",
        "/tranches/0/net_wet_t": "not_decimal",
        "/payment_terms": "control_character",
        "/facility": "malformed_id",
        "/colour": "unknown_field",
        "/composition/cells/0/fraction/amount": "out_of_range",
        "/composition/cells/1/state": "not_allowed",
    }


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"net_wet_t": NaN', {"": "malformed_json"}),
        (b"\xff\xfe", {"": "malformed_json"}),
        (b"[" * 100_000, {"": "malformed_json"}),
        (b"", {"": "malformed_json"}),
        (b"[]", {"": "wrong_type"}),
        (b"null", {"": "wrong_type"}),
    ],
)
def test_what_is_no_object_is_one_fault(raw: bytes, expected: dict[str, str]) -> None:
    assert expected == faults_of(raw)


@pytest.mark.parametrize(
    "literal",
    [
        "NaN",
        "-Infinity",
        "1e400",
        "1e999999999",
        "1e9" + "9" * 20,
        "1e-9" + "9" * 20,
        "9" * 400,
        "1.5",
        "1.0",
    ],
)
def test_numbers_that_no_field_takes_stand_at_their_place(literal: str) -> None:
    raw = changed({"net_wet_t": "@", "footprint": None}).replace(b'"@"', literal.encode())
    assert ["/net_wet_t"] == list(faults_of(raw))


def test_a_figure_of_very_many_digits_is_out_of_range_as_any_other() -> None:
    assert {"/net_wet_t": "out_of_range"} == faults_of(changed({"net_wet_t": "9" * 5_000}))
    assert {"/net_wet_t": "not_positive"} == faults_of(changed({"net_wet_t": "0"}))


def calls_of(work: Callable[[], object]) -> int:
    """How many functions of Python it calls."""
    calls = 0

    def see(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("item", ["0", '"!"', "{}", "[]", '"FR"'])
@pytest.mark.parametrize("name", ["origins_excluded", "forms", "limits"])
def test_what_is_wrong_many_times_costs_no_more_than_what_is_told(name: str, item: str) -> None:
    """A body of a quarter of a megabyte held every other request up for seconds."""
    begun = json.dumps({key: value for key, value in REQUIREMENT.items() if key != name}).removesuffix("}")
    raw = f'{begun}, "{name}": [{",".join([item] * MANY)}]}}'.encode()
    assert calls_of(lambda: faults_of(raw, PostRequirement)) < 2 * MANY, "reading a number is a call"


def test_at_most_a_hundred_faults_are_told() -> None:
    unknown = {f"member_{number}": 1 for number in range(1_000)}
    assert ["unknown_field"] * 100 == list(faults_of(changed(unknown)).values())


@pytest.mark.parametrize("year", ["1e3", "9" * 30, "1990.5", '"1990"', "true"])
def test_an_integer_is_an_integer(year: str) -> None:
    raw = changed({"footprint": {**OFFER["footprint"], "reference_year": "@"}}).replace(b'"@"', year.encode())
    assert ["/footprint/reference_year"] == list(faults_of(raw))


@pytest.mark.parametrize("text", ["a\n", "a\x7f", "a\x85", "a\tb", "\x00"])
def test_control_characters_are_refused_wherever_they_stand(text: str) -> None:
    assert {"/payment_terms": "control_character"} == faults_of(changed({"payment_terms": text}))
    assert ["/place/name"] == list(faults_of(changed({"place": {"country": "FR", "name": text}})))


def test_a_country_with_a_line_feed_is_no_country() -> None:
    assert ["/place/country"] == list(faults_of(changed({"place": {"country": "FR\n", "name": "x"}})))


def test_a_lone_surrogate_is_no_text() -> None:
    assert {"/payment_terms": "control_character"} == faults_of(changed({"payment_terms": "\ud800"}))


def test_escapes_of_printable_text_are_text() -> None:
    raw = changed({"payment_terms": "30 Tage nach Übernahme"})
    assert b"\\u00dc" in raw
    assert "30 Tage nach Übernahme" == decode(raw, PostSupply).payment_terms


@pytest.mark.parametrize("year", ["2025", "2025.0"])
def test_a_member_given_twice_counts_as_its_last(year: str) -> None:
    twice = f'2019, "reference_year": {year}'.encode()
    raw = changed({"footprint": {**OFFER["footprint"], "reference_year": "@"}}).replace(b'"@"', twice)
    footprint = decode(raw, PostSupply).footprint
    assert footprint is not None
    assert 2025 == footprint.reference_year


@pytest.mark.parametrize("year", ["2025.0", "2025.000", "2.025e3"])
def test_a_whole_number_may_be_written_with_a_point(year: str) -> None:
    raw = changed({"footprint": {**OFFER["footprint"], "reference_year": "@"}}).replace(b'"@"', year.encode())
    footprint = decode(raw, PostSupply).footprint
    assert footprint is not None
    assert 2025 == footprint.reference_year


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"incoterm": "FAX"}, "must be one of: "),
        ({"commitment": "maybe"}, "must be one of: firm, subject_to_confirmation"),
        ({"rex_routes": ["burn"]}, "must be one of: recycle, refurbish, repurpose, reuse"),
        ({"incoterm": 3}, "expected a string, got an integer"),
        ({"ask": {**OFFER["ask"], "currency": "usd"}}, "expected: Three capital letters, ISO 4217."),
        ({"place": {"country": "France", "name": "x"}}, "expected: Two capital letters, ISO 3166-1."),
        ({"place": {"country": "UK", "name": "x"}}, "UK is not a country code of ISO 3166-1: write GB."),
        ({"place": {"country": "XX", "name": "x"}}, "XX is not a country code of ISO 3166-1."),
        ({"moisture_percent": "101"}, "this has to be at most 100 %"),
        ({"net_wet_t": "1000000"}, "this has to be below 1000000 t"),
        ({"net_wet_t": "0"}, "this has to be more than 0 t"),
        ({"ewc_code": "999999"}, "expected: A code of the European list of waste (Decision 2000/532/EC)"),
        ({"ewc_code": "16 02"}, "expected: A code of the European list of waste (Decision 2000/532/EC)"),
        ({"cn_code": "2846 90"}, "expected: Letters, digits and . _ : / + -, a letter or digit first."),
        ({"payment_terms": ""}, "this text cannot be empty"),
        ({"payment_terms": "x" * 201}, "at most 200 characters"),
        ({"footprint": {**OFFER["footprint"], "reference_year": 1800}}, "at least 1990"),
        ({"footprint": {**OFFER["footprint"], "verified": "yes"}}, "expected true or false, got a string"),
        ({"valid_until": "2027-03-15T00:00:00.1234567Z"}, "write a time with at most 6 decimals"),
        ({"valid_until": "soon"}, "write date, time and zone, such as 2027-04-01T00:00:00Z"),
        ({"assay": {**OFFER["assay"], "sampled_on": "soon"}}, "write a date such as 2027-04-01"),
    ],
)
def test_a_fault_says_what_is_wanted_in_words_of_the_trade(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decode(changed(change), PostSupply)
    (fault,) = caught.value.faults
    assert fault.detail.startswith(told)
    assert "`" not in fault.detail


def test_times_are_refused_before_they_are_rounded() -> None:
    """Zeros behind the sixth decimal, which some platforms always write, are no finer time."""
    whole = decode(changed({"valid_until": "2027-03-15T00:00:00.1234560000Z"}), PostSupply)
    assert 123_456 == whole.valid_until.microsecond
    in_text = decode(changed({"payment_terms": "at 10:00.1234567"}), PostSupply)
    assert "at 10:00.1234567" == in_text.payment_terms
    escaped = changed({"valid_until": "2027-03-15T00:00:00.99999901Z"}).replace(b".9", b"\\u002e9")
    assert {"/valid_until": "over_precise"} == faults_of(escaped)
    window = {"start": "2027-07-01T00:00:00.0000001Z", "end": "2027-08-01T00:00:00Z"}
    tranches = [{"window": window, "net_wet_t": "1"}]
    assert {"/tranches/0/window/start": "over_precise"} == faults_of(changed({"tranches": tranches}))


@pytest.mark.parametrize(
    ("raw", "told"),
    [(b" ", "the body is empty: send JSON"), (b"{]", "the body is not valid JSON: Expecting property name")],
)
def test_a_body_that_is_no_json_is_told_from_one_that_is_empty(raw: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decode(raw, PostSupply)
    assert caught.value.faults[0].detail.startswith(told)


def test_a_pointer_escapes_the_names_it_repeats() -> None:
    assert {"/a~1b~0c": "unknown_field"} == faults_of(changed({"a/b~c": 1}))


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        (b"limit=5&limit=6", [("duplicate_parameter", "limit")]),
        (b"limits=5", [("unknown_parameter", "limits")]),
        (b"limit=x&cursor=", [("wrong_type", "limit"), ("malformed", "cursor")]),
        (b"cursor=%00a", [("control_character", "cursor")]),
        (b"cursor=%ff", [("malformed_query", "")]),
    ],
)
def test_query_parameters_are_known_single_and_well_formed(
    query: bytes, faults: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_query(query, PageQuery)
    assert faults == [(fault.code, fault.parameter or "") for fault in caught.value.faults]


def test_the_text_null_is_no_absent_parameter() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_query(b"format=null", SharesQuery)
    assert ["format"] == [fault.parameter for fault in caught.value.faults]
