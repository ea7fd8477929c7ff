"""What can be named in a plan: one literal table, plus what installed packages add by entry points.

An entry point in the group `neotype.synthesizers` (or `neotype.metrics`) with the same
"module:Class" form makes a third party's class a name like any other. A broken entry fails loudly
when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from neotype.errors import NeotypeError, NotRegisteredError

SYNTHESIZERS: Mapping[str, str] = {
    "trees": "neotype.synth.trees:Trees",
    "independent": "neotype.synth.independent:Independent",
    "bayes_net": "neotype.synth.bayes_net:BayesNet",
    "copula": "neotype.synth.copula:Copula",
    "vine": "neotype.synth.vine:Vine",
    "forest_flow": "neotype.synth.forest_flow:ForestFlow",
    "transformer": "neotype.synth.transformer:Transformer",
    "vae": "neotype.synth.vae:VAE",
    "gan": "neotype.synth.gan:GAN",
    "diffusion": "neotype.synth.diffusion:Diffusion",
    "language": "neotype.synth.language:Language",
}

STRATEGIES: Mapping[str, str] = {
    "auto": "neotype.synth.private.auto:Auto",
    "marginals": "neotype.synth.private.marginals:Marginals",
    "mst": "neotype.synth.private.mst:MST",
    "aim": "neotype.synth.private.aim:AIM",
    "privbayes": "neotype.synth.private.privbayes:PrivBayes",
    "independent": "neotype.synth.private.independent:Independent",
    "transformer": "neotype.synth.private.sgd:Transformer",
    "vae": "neotype.synth.private.sgd:VAE",
    "diffusion": "neotype.synth.private.sgd:Diffusion",
}
"""Of learning within a privacy budget: which tables are measured, or which network is learnt."""

METRICS: Mapping[str, str] = {
    "shape": "neotype.evaluate.fidelity.marginals:Shape",
    "trend": "neotype.evaluate.fidelity.marginals:Trend",
    "accuracy_1way": "neotype.evaluate.fidelity.marginals:Accuracy1Way",
    "accuracy_2way": "neotype.evaluate.fidelity.marginals:Accuracy2Way",
    "accuracy_3way": "neotype.evaluate.fidelity.marginals:Accuracy3Way",
    "missingness": "neotype.evaluate.fidelity.integrity:Missingness",
    "coverage": "neotype.evaluate.fidelity.integrity:Coverage",
    "validity": "neotype.evaluate.fidelity.integrity:Validity",
    "jensen_shannon": "neotype.evaluate.fidelity.distributions:JensenShannon",
    "wasserstein": "neotype.evaluate.fidelity.distributions:Wasserstein",
    "moments": "neotype.evaluate.fidelity.distributions:Moments",
    "mmd": "neotype.evaluate.fidelity.manifold:MMD",
    "prdc": "neotype.evaluate.fidelity.manifold:PRDC",
    "alpha_precision": "neotype.evaluate.fidelity.manifold:AlphaPrecision",
    "beta_recall": "neotype.evaluate.fidelity.manifold:BetaRecall",
    "subgroup_fidelity": "neotype.evaluate.fidelity.subgroups:SubgroupFidelity",
    "time_patterns": "neotype.evaluate.fidelity.seasons:TimePatterns",
    "rare_events": "neotype.evaluate.fidelity.rare:RareEvents",
    "correlation": "neotype.evaluate.fidelity.dependence:Correlation",
    "covariance": "neotype.evaluate.fidelity.covariance:Covariance",
    "wnmis": "neotype.evaluate.fidelity.dependence:WeightedNMI",
    "kmarginal": "neotype.evaluate.fidelity.dependence:KMarginal",
    "constraints": "neotype.evaluate.fidelity.rules:Constraints",
    "sequence_lengths": "neotype.evaluate.sequential.lengths:SequenceLengths",
    "inter_event_times": "neotype.evaluate.sequential.lengths:InterEventTimes",
    "autocorrelation": "neotype.evaluate.sequential.correlogram:Autocorrelation",
    "transitions": "neotype.evaluate.sequential.states:Transitions",
    "seasonal_profile": "neotype.evaluate.sequential.profiles:SeasonalProfile",
    "between_owner_spread": "neotype.evaluate.sequential.spread:BetweenOwnerSpread",
    "window_detection": "neotype.evaluate.sequential.windows:WindowDetection",
    "summary_detection": "neotype.evaluate.sequential.windows:SummaryDetection",
    "owner_detection": "neotype.evaluate.sequential.owners:OwnerDetection",
    "discriminative_score": "neotype.evaluate.sequential.recurrent:DiscriminativeScore",
    "predictive_score": "neotype.evaluate.sequential.recurrent:PredictiveScore",
    # (more fidelity measures)
    "c2st": "neotype.evaluate.fidelity.detection:C2ST",
    "tstr": "neotype.evaluate.utility.prediction:TSTR",
    "tstr_linear": "neotype.evaluate.utility.prediction:TSTRLinear",
    "tstr_all": "neotype.evaluate.utility.prediction:TSTRAllColumns",
    "importance_agreement": "neotype.evaluate.utility.importance:ImportanceAgreement",
    "augmentation_gain": "neotype.evaluate.utility.augmentation:AugmentationGain",
    "inference_agreement": "neotype.evaluate.utility.inference:InferenceAgreement",
    "custom": "neotype.evaluate.utility.custom:Custom",
    # (more utility measures)
    "dcr_share": "neotype.evaluate.privacy.distance:DCRShare",
    "exact_copies": "neotype.evaluate.privacy.distance:ExactCopies",
    "near_copies": "neotype.evaluate.privacy.distance:NearCopies",
    "nndr": "neotype.evaluate.privacy.distance:NNDR",
    "hit_rate": "neotype.evaluate.privacy.distance:HitRate",
    "mia_distance": "neotype.evaluate.privacy.membership:NearestDistanceMIA",
    "mia_density_ratio": "neotype.evaluate.privacy.density_ratio:DensityRatioMIA",
    "mia_exposed": "neotype.evaluate.privacy.density_ratio:ExposedMIA",
    "mia_likelihood": "neotype.evaluate.privacy.membership:LikelihoodMIA",
    "epsilon_audit": "neotype.evaluate.privacy.audit:EpsilonAudit",
    "mia_shadow": "neotype.evaluate.privacy.shadow:ShadowMIA",
    "epsilon_audit_deep": "neotype.evaluate.privacy.audit:EpsilonAuditDeep",
    "reidentification": "neotype.evaluate.privacy.identification:Reidentification",
    "attribution": "neotype.evaluate.privacy.identification:Attribution",
    "uniqueness": "neotype.evaluate.privacy.identification:Uniqueness",
    "k_anonymity": "neotype.evaluate.privacy.disclosure:KAnonymity",
    "l_diversity": "neotype.evaluate.privacy.disclosure:LDiversity",
    "t_closeness": "neotype.evaluate.privacy.disclosure:TCloseness",
    "k_map": "neotype.evaluate.privacy.disclosure:KMap",
    "singling_out_univariate": "neotype.evaluate.privacy.singling_out:SinglingOutUnivariate",
    "singling_out_multivariate": "neotype.evaluate.privacy.singling_out:SinglingOutMultivariate",
    "linkability": "neotype.evaluate.privacy.linkability:Linkability",
    "attribute_inference": "neotype.evaluate.privacy.inference:AttributeInference",
    # (more privacy measures: membership, attacks, disclosure; then fairness)
    "group_representation": "neotype.evaluate.fairness.representation:GroupRepresentation",
    "demographic_parity": "neotype.evaluate.fairness.parity:DemographicParity",
    "equalised_odds": "neotype.evaluate.fairness.models:EqualisedOdds",
    "group_utility": "neotype.evaluate.fairness.models:GroupUtility",
    "referential_integrity": "neotype.evaluate.relational.keys:ReferentialIntegrity",
    "key_uniqueness": "neotype.evaluate.relational.keys:KeyUniqueness",
    "constraints_between": "neotype.evaluate.relational.rules:ConstraintsBetween",
    "cardinality": "neotype.evaluate.relational.cardinality:Cardinality",
    "joint_cardinality": "neotype.evaluate.relational.cardinality:JointCardinality",
    "hop_trends": "neotype.evaluate.relational.hops:HopTrends",
    "parent_detection": "neotype.evaluate.relational.detection:ParentDetection",
    "child_detection": "neotype.evaluate.relational.detection:ChildDetection",
    "family_copies": "neotype.evaluate.relational.copies:FamilyCopies",
    # (more measures between tables)
}

CONSTRAINTS: Mapping[str, str] = {
    "Inequality": "neotype.constraints.order:Inequality",
    "ChainedInequality": "neotype.constraints.order:ChainedInequality",
    "Range": "neotype.constraints.order:Range",
    "Positive": "neotype.constraints.values:Positive",
    "Negative": "neotype.constraints.values:Negative",
    "ScalarRange": "neotype.constraints.values:ScalarRange",
    "ScalarInequality": "neotype.constraints.values:ScalarInequality",
    "FixedIncrements": "neotype.constraints.values:FixedIncrements",
    "MixedScales": "neotype.constraints.scales:MixedScales",
    "FixedCombinations": "neotype.constraints.combinations:FixedCombinations",
    "OneHotEncoding": "neotype.constraints.combinations:OneHotEncoding",
    "FixedNullCombinations": "neotype.constraints.nulls:FixedNullCombinations",
    "ColumnFormula": "neotype.constraints.formula:ColumnFormula",
    "Expression": "neotype.constraints.formula:Expression",
    "Custom": "neotype.constraints.formula:Custom",
    "Unique": "neotype.constraints.keys:Unique",
    "DenormalizedTable": "neotype.constraints.keys:DenormalizedTable",
    "CarryOverColumns": "neotype.constraints.keys:CarryOverColumns",
}

TABLE_CONSTRAINTS: Mapping[str, str] = {
    "ReferenceTable": "neotype.constraints.between.keys:ReferenceTable",
    "CompositeKey": "neotype.constraints.between.keys:CompositeKey",
    "UniqueBridgeTable": "neotype.constraints.between.keys:UniqueBridgeTable",
    "PolymorphicRelationship": "neotype.constraints.between.keys:PolymorphicRelationship",
    "PrimaryToPrimaryKeySubset": "neotype.constraints.between.subsets:PrimaryToPrimaryKeySubset",
    "ForeignToPrimaryKeySubset": "neotype.constraints.between.subsets:ForeignToPrimaryKeySubset",
    "ForeignToForeignKey": "neotype.constraints.between.shared:ForeignToForeignKey",
    "SelfReferentialHierarchy": "neotype.constraints.between.hierarchy:SelfReferentialHierarchy",
    "InequalityBetween": "neotype.constraints.between.order:InequalityBetween",
    "Aggregate": "neotype.constraints.between.aggregate:Aggregate",
    "CarryDown": "neotype.constraints.between.carry:CarryDown",
}

_GROUPS = {
    "synthesizer": ("neotype.synthesizers", SYNTHESIZERS),
    "strategy": ("neotype.strategies", STRATEGIES),
    "metric": ("neotype.metrics", METRICS),
    "constraint": ("neotype.constraints", CONSTRAINTS),
    "table_constraint": ("neotype.table_constraints", TABLE_CONSTRAINTS),
}


def names(what: str) -> tuple[str, ...]:
    """Every registered name of a `what`, those of the house first."""
    group, table = _GROUPS[what]
    foreign = [entry.name for entry in entry_points(group=group) if entry.name not in table]
    return (*table, *sorted(foreign))


def find(what: str, name: str) -> Any:
    """The class registered as `name`; NotRegisteredError names the nearest when there is none."""
    group, table = _GROUPS[what]
    address = table.get(name)
    if address is None:
        foreign = {entry.name: entry.value for entry in entry_points(group=group)}
        address = foreign.get(name)
    if address is None:
        raise NotRegisteredError(what, name, names(what))
    module, _, attribute = address.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as cause:
        raise NeotypeError(
            f"the {what} '{name}' is registered as '{address}', which cannot be imported: {cause}",
            mend="reinstall the package that provides it, or take its entry out",
        ) from cause
