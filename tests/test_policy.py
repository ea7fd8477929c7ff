"""A policy: what a file may say, how it fails, and what it decides of scores."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, some
from neotype.data import Dataset
from neotype.errors import NotRegisteredError, SchemaError, SourceError
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score, verdict
from neotype.policy.expectations import rehearse
from neotype.policy.judge import judge
from neotype.policy.junit import junit
from neotype.policy.policy import PRESETS, Expectation, Gate, Policy, preset, read_policy
from neotype.policy.ruling import Outcome, Ruling
from neotype.policy.summary import append, summary
from neotype.registry import names
from neotype.rng import Rng

AXIS = {"shape": "fidelity", "c2st": "fidelity", "tstr": "utility", "dcr_share": "privacy"}
BETTER = {"c2st": "lower", "dcr_share": "lower", "beta_recall": "near_floor"}


def score(
    metric: str,
    value: float | None,
    interval: tuple[float, float] | None = None,
    *,
    floor: float | None = 0.5,
    target: float | None = 0.6,
    **detail: object,
) -> Score:
    """A score as a measure with a tolerance of .1 would give it."""
    better = BETTER.get(metric, "higher")
    return Score(
        metric=metric,
        title=metric.upper(),
        axis=AXIS.get(metric, "privacy"),
        value=value,
        interval=interval,
        floor=floor,
        better=better,
        target=target,
        verdict=verdict(value, interval, floor=floor, target=target, tolerance=0.1, better=better),
        meaning=f"{metric} is {value}." if value is not None else "Not measured: no reason.",
        detail=detail,
    )


def decided(gate: dict[str, object], *scores: Score) -> Outcome:
    """What a policy of this one gate says."""
    ruling = judge(read_policy({"gates": [gate]}), scores)
    assert ruling is not None
    (outcome,) = ruling.outcomes
    assert ruling.allowed is not outcome.refuses
    return outcome


class TestGates:
    @pytest.mark.parametrize(
        ("gate", "value", "interval", "passes"),
        [
            ({"at_most": 0.6}, 0.6, (0.5, 0.7), True),
            ({"at_most": 0.6}, 0.601, (0.5, 0.7), False),
            ({"at_most": 0.6, "certain": True}, 0.55, (0.5, 0.61), False),
            ({"at_most": 0.6, "certain": True}, 0.55, (0.5, 0.6), True),
            ({"at_least": 0.5}, 0.49, (0.4, 0.6), False),
            ({"at_least": 0.5, "certain": True}, 0.55, (0.49, 0.6), False),
            ({"at_least": 0.5, "at_most": 0.6}, 0.55, (0.4, 0.7), True),
            ({"at_least": 0.5, "at_most": 0.6}, 0.65, (0.4, 0.7), False),
            ({"within_floor": 0.1}, 0.6, (0.5, 0.7), True),
            ({"within_floor": 0.1}, 0.61, (0.5, 0.7), False),
            ({"within_floor": 0.1}, 0.1, (0.0, 0.2), True),
            ({"within_floor": 0.1, "certain": True}, 0.55, (0.5, 0.61), False),
            ({"above_floor_by": 0.05}, 0.56, (0.5, 0.6), False),
            ({"above_floor_by": 0.05}, 0.55, (0.5, 0.6), True),
            ({"verdict": "good"}, 0.6, (0.59, 0.61), True),
            ({"verdict": "good"}, 0.65, (0.64, 0.66), False),
            ({"verdict": "fair"}, 0.65, (0.64, 0.66), True),
            ({"verdict": "fair"}, 0.8, (0.79, 0.81), False),
            ({"verdict": "fair", "at_most": 0.62}, 0.65, (0.64, 0.66), False),
        ],
    )
    def test_a_number_is_held_against_it(
        self, gate: dict[str, object], value: float, interval: tuple[float, float], passes: bool
    ) -> None:
        outcome = decided({"measure": "c2st", **gate}, score("c2st", value, interval))
        assert (outcome.status, outcome.refuses) == ("pass" if passes else "fail", not passes)
        assert (outcome.value, outcome.interval) == (value, interval)
        assert outcome.threshold
        assert "C2ST" in outcome.words

    def test_worse_than_the_floor_is_on_the_side_that_is_worse(self) -> None:
        gate = {"measure": "shape", "within_floor": 0.1}
        assert decided(gate, score("shape", 0.9)).status == "pass", "better than the floor"
        assert decided(gate, score("shape", 0.39)).status == "fail"
        near = {"measure": "beta_recall", "within_floor": 0.1}
        for value, status in ((0.61, "fail"), (0.39, "fail"), (0.41, "pass")):
            assert decided(near, score("beta_recall", value)).status == status

    def test_an_outcome_says_what_was_found_and_what_was_asked(self) -> None:
        gate = {"measure": "c2st", "within_floor": 0.1, "because": "Experts must not tell."}
        outcome = decided(gate, score("c2st", 0.7311, (0.7, 0.75)))
        assert outcome.words == "C2ST is 0.7311, 95% interval 0.7 to 0.75."
        assert outcome.threshold == "≤ 0.6 (floor 0.5)"
        assert outcome.because == "Experts must not tell."

    @pytest.mark.parametrize(
        ("gate", "scores", "says"),
        [
            ({"measure": "c2st", "at_most": 0.6}, [], "not taken"),
            ({"measure": "c2st", "at_most": 0.6}, [score("c2st", None)], "no reason"),
            ({"measure": "c2st", "within_floor": 0.1}, [score("c2st", 0.5, floor=None)], "floor"),
            ({"measure": "c2st", "at_most": 0.6, "certain": True}, [score("c2st", 0.5)], "inter"),
            ({"measure": "c2st", "verdict": "fair"}, [score("c2st", 0.5, target=None)], "target"),
            ({"axis": "privacy", "verdict": "fair"}, [score("c2st", 0.5)], "No measure of privacy"),
            ({"axis": "privacy", "verdict": "fair"}, [score("dcr_share", None)], "No measure"),
        ],
    )
    def test_what_was_not_measured_refuses_unless_the_policy_lets_it_pass(
        self, gate: dict[str, object], scores: list[Score], says: str
    ) -> None:
        refused = decided(gate, *scores)
        allowed = decided({**gate, "when_not_measured": "allow"}, *scores)
        assert (refused.status, refused.refuses) == ("not measured", True)
        assert (allowed.status, allowed.refuses) == ("not measured", False)
        assert says in refused.words

    def test_an_axis_is_as_good_as_its_worst_measure(self) -> None:
        good, fair = score("shape", 0.9), score("c2st", 0.65, (0.64, 0.66))
        gate = {"axis": "fidelity", "verdict": "good"}
        assert decided(gate, good).status == "pass"
        outcome = decided(gate, good, fair, score("dcr_share", 0.9, (0.9, 0.9)))
        assert outcome.status == "fail"
        assert "C2ST 0.65 (fair)" in outcome.words
        assert "SHAPE" not in outcome.words
        assert decided({**gate, "verdict": "fair"}, good, fair).status == "pass"

    def test_an_axis_names_what_it_could_not_see(self) -> None:
        gate = {"axis": "fidelity", "verdict": "good"}
        outcome = decided(gate, score("shape", 0.9), score("c2st", None))
        assert outcome.status == "pass"
        assert "Not measured: C2ST" in outcome.words


class TestClaims:
    REFUTED = score("epsilon_audit", 3.2, (3.0, 3.4), refuted=True)

    def test_a_refuted_claim_refuses_without_a_policy(self) -> None:
        ruling = judge(None, [score("shape", 0.9), self.REFUTED])
        assert ruling is not None
        assert not ruling.allowed
        assert [(o.name, o.kind) for o in ruling.refused] == [("epsilon_audit", "claim")]
        assert "refuted" in ruling.headline

    def test_a_refuted_claim_refuses_under_a_policy_that_is_content(self) -> None:
        policy = read_policy({"gates": [{"measure": "shape", "at_least": 0}]})
        assert judge(policy, [score("shape", 0.9)]).allowed  # type: ignore[union-attr]
        ruling = judge(policy, [score("shape", 0.9), self.REFUTED])
        assert ruling is not None
        assert [outcome.status for outcome in ruling.outcomes] == ["fail", "pass"]
        assert not ruling.allowed

    def test_nothing_is_decided_where_nobody_asks(self) -> None:
        assert (
            judge(None, [score("c2st", 0.99), score("epsilon_audit", 0.1, refuted=False)]) is None
        )


class TestFiles:
    @pytest.mark.parametrize("name", PRESETS)
    def test_a_preset_names_only_measures_that_exist_and_says_why(self, name: str) -> None:
        policy = read_policy(name)
        assert policy.name == name
        assert policy.because
        assert {gate.measure for gate in policy.gates} - {None} <= set(names("metric"))
        assert name in ("good", "fair") or all(gate.because for gate in policy.gates)

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_preset_is_a_file_to_start_from(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text(preset(name))
        assert read_policy(tmp_path / "mine.yaml") == read_policy(name)

    def test_purposes_get_stricter(self) -> None:
        """Whatever a laxer purpose asks of a number, the stricter one asks no less."""

        def ends(policy: Policy) -> dict[tuple[str, str], float]:
            return {
                (gate.name, key): value
                for gate in policy.gates
                for key in ("at_most", "above_floor_by")
                if (value := getattr(gate, key)) is not None
            }

        internal, partner, public = (ends(read_policy(name)) for name in PRESETS[:3])
        for lax, strict in ((internal, partner), (partner, public), (internal, public)):
            assert all(strict[key] <= lax[key] for key in lax.keys() & strict.keys())
        risks = {gate.name for gate in read_policy("partner").gates}
        assert risks - {"mia_likelihood"} <= {gate.name for gate in read_policy("public").gates}

    def test_the_page_shows_a_policy_that_works_and_every_key(self, tmp_path: Path) -> None:
        page = (Path(__file__).parents[1] / "docs" / "policy.md").read_text(encoding="utf-8")
        (tmp_path / "mine.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
        policy = read_policy(tmp_path / "mine.yaml")
        rehearse(policy, adult_train())
        keys = (*Policy.model_fields, *Gate.model_fields, *Expectation.model_fields)
        assert [key for key in keys if not re.search(rf"`{key}`|\b{key}:", page)] == []
        assert [
            name for name in PRESETS if f"`{name}`" not in page and f"# {name}" not in page
        ] == []

    def test_a_file_without_a_name_is_called_as_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text("gates: [{measure: c2st, at_most: 1e-3}]\n")
        policy = read_policy(tmp_path / "mine.yaml")
        assert policy.name == "mine"
        assert policy.gates[0].at_most == 0.001

    def test_a_name_that_is_neither_file_nor_preset(self, tmp_path: Path) -> None:
        with pytest.raises(NotRegisteredError, match="did you mean 'partner'"):
            read_policy("partnr")
        with pytest.raises(SourceError, match=r"no\.yaml.*No such file"):
            read_policy(tmp_path / "no.yaml")
        (tmp_path / "junk.yaml").write_bytes(b"\xff\xfe\x00\x81")
        with pytest.raises(SchemaError, match="UTF-8"):
            read_policy(tmp_path / "junk.yaml")

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("gates: [unclosed", "is not YAML"),
            ("- a list", "is not a mapping"),
            ("", "is not a mapping"),
            ("name: x", "everything would pass"),
            ("gates: []", "everything would pass"),
            ("gates: [{measure: c2st, at_most: 1}]\ngates: []", "'gates' is written twice"),
            ("gaets: []", "'gaets' is not a setting; did you mean 'gates'"),
            ("gates: [{measure: c2sd, at_most: 1}]", "'gates.0'.*did you mean 'c2st'"),
            ("gates: [{measure: c2st, atmost: 1}]", "'gates.0.atmost'.*did you mean 'at_most'"),
            ("gates: [{measure: c2st}]", "nothing is asked of the measure"),
            ("gates: [{at_most: 1}]", "one `measure` or on one `axis`"),
            ("gates: [{measure: c2st, axis: privacy, verdict: fair}]", "one `measure` or"),
            ("gates: [{measure: c2st, at_least: .7, at_most: .6}]", "nothing is at least 0.7"),
            ("gates: [{measure: c2st, at_most: yes}]", "a number is needed.*there is True"),
            ("gates: [{measure: c2st, at_most: lots}]", "there is 'lots'"),
            ("gates: [{measure: c2st, at_most: .nan}]", "'gates.0.at_most'"),
            ("gates: [{measure: c2st, within_floor: -1}]", "'gates.0.within_floor'"),
            ("gates: [{axis: privacy}]", "verdict: fair"),
            ("gates: [{axis: privacy, at_most: 1}]", "verdict: fair"),
            ("gates: [{axis: pirvacy, verdict: fair}]", "'gates.0.axis'"),
            ("gates: [{measure: c2st, verdict: great}]", "'gates.0.verdict'"),
            ("gates: [{measure: c2st, verdict: fair, certain: true}]", "goes with a number"),
            ("gates: [{measure: c2st, at_most: 1, when_not_measured: shrug}]", "when_not_meas"),
        ],
    )
    def test_a_file_that_is_no_policy(self, text: str, says: str, tmp_path: Path) -> None:
        (tmp_path / "policy.yaml").write_text(text)
        with pytest.raises(SchemaError, match=rf"(?s)policy\.yaml.*{says}"):
            read_policy(tmp_path / "policy.yaml")

    def test_every_fault_is_told_at_once(self) -> None:
        gates = [{"measure": "c2sd", "at_most": 1}, {"measure": "c2st", "at_most": "x"}]
        with pytest.raises(SchemaError) as caught:
            read_policy({"gates": gates, "expectation": []})
        assert all(f"'{path}" in str(caught.value) for path in ("gates.0", "gates.1", "expect"))


MIXED = Ruling(
    "house <rules>",
    (
        Outcome("c2st", "gate", "fail", 0.81, (0.8, 0.82), "≤ 0.6", "C2ST is 0.81.", "A|B", True),
        Outcome("shape", "gate", "pass", 0.99, (0.98, 1.0), "≥ 0.9", "SHAPE is 0.99."),
        Outcome("mia", "gate", "not measured", None, None, "≤ 0.6", "Not measured: x."),
        Outcome("tstr", "gate", "not measured", None, None, "", "Not taken.", "", True),
        Outcome("a < b & \x00 \x1b", "expectation", "pass", 1.0, None, "every row", "0 of 9."),
    ),
    "Because.",
)


class TestPapers:
    def test_a_ruling_is_the_same_after_json(self) -> None:
        assert Ruling.from_facts(json.loads(json.dumps(MIXED.to_facts()))) == MIXED
        assert MIXED.to_facts()["allowed"] is False
        assert [outcome.name for outcome in MIXED.refused] == ["c2st", "tstr"]
        assert "2 of 5 checks do not hold" in MIXED.headline

    def test_junit_has_a_case_for_each_outcome(self) -> None:
        root = ElementTree.fromstring(junit(MIXED, made="2026-01-01T00:00:00+00:00"))
        (suite,) = root
        cases = {case.get("name"): [child.tag for child in case] for case in suite}
        assert root.tag == "testsuites"
        assert [len(cases), *(suite.get(key) for key in ("tests", "failures", "skipped"))] == [
            5,
            *("5", "2", "1"),
        ]
        assert cases["c2st"] == cases["tstr"] == ["failure"]
        assert cases["mia"] == ["skipped"]
        assert cases["shape"] == ["system-out"]
        assert cases["a < b & \ufffd \ufffd"] == ["system-out"], "no XML holds control characters"
        failure = suite.find("testcase/failure")
        assert failure is not None
        assert failure.get("message") == "C2ST is 0.81. Asked: ≤ 0.6."
        assert suite.get("timestamp") == "2026-01-01T00:00:00"

    def test_the_summary_is_a_table_with_the_refusals_first(self) -> None:
        lines = summary(MIXED, headline="A *weak* stand-in.").splitlines()
        assert lines[0].startswith("### ❌ Policy 'house &lt;rules&gt;' refuses")
        rows = [line for line in lines if line.startswith("|")]
        assert [row.count(" | ") for row in rows[2:]] == [4] * 5, "user's bars cannot break it"
        assert [name for row in rows[2:] for name in ("c2st", "tstr", "shape") if name in row] == [
            *("c2st", "tstr", "shape")
        ]
        assert "0.81 (0.8 to 0.82)" in rows[2]
        assert r"A \*weak\* stand-in." in "\n".join(lines)

    def test_summaries_of_several_steps_share_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "summary.md"
        path.write_text("what was there\n")
        append(path, MIXED)
        append(path, MIXED)
        assert path.read_text().startswith("what was there\n### ❌")
        assert path.read_text().count("### ❌") == 2
        with pytest.raises(SourceError, match="cannot be written"):
            append(tmp_path / "no" / "summary.md", MIXED)


@pytest.mark.parametrize(("copied", "allowed"), [(0, True), (0.05, False)])
def test_a_partner_gets_real_looking_rows_and_no_copies(copied: float, allowed: bool) -> None:
    """Real rows that nobody learnt pass every gate on privacy; one copied row in 20 does not."""
    train, others = some(adult_train(), 3000), some(adult_holdout(), 6000)
    holdout, fresh = others.take(np.arange(3000)), others.take(np.arange(3000, 6000))
    taken = round(copied * fresh.rows)
    frame = pl.concat([fresh.frame[taken:], train.frame[:taken]])
    partner = read_policy("partner")
    gates = tuple(g for g in partner.gates if g.measure or g.axis == "privacy")
    metrics = [gate.measure for gate in gates if gate.measure]
    scores = evaluate(
        Dataset.of(train.schema, frame[np.random.default_rng(0).permutation(frame.height)]),
        train=train,
        holdout=holdout,
        asked=Asked(sensitive=("income",), quasi_identifiers=("age", "sex", "race")),
        metrics=metrics,
        rng=Rng(0),
    )
    ruling = judge(partner.model_copy(update={"gates": gates}), scores)
    assert ruling is not None
    assert ruling.allowed is allowed, [o.words for o in ruling.refused]
    assert allowed or "exact_copies" in [outcome.name for outcome in ruling.refused]
