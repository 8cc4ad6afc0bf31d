//! The bodies of the fuzz targets (`tests/fuzz`), with few inputs: whatever was captured or found, the same damaged,
//! and rubbish.

use std::{path::PathBuf, sync::LazyLock};

use proptest::{collection::vec, prelude::*, sample::Index, test_runner::RngSeed};

#[path = "../../tests/fuzz/src/bodies/mod.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets are another crate")]
mod bodies;

use bodies::{ALL, Body, seeds};

/// Each target with its seeds.
static SEEDS: LazyLock<Vec<(Body, Vec<Vec<u8>>)>> = LazyLock::new(|| {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    ALL.map(|(target, body)| (body, seeds::of(target, &data))).into()
});

#[test]
fn what_was_captured_and_what_was_found_holds() {
    for ((target, body), (_, seeds)) in ALL.iter().zip(&*SEEDS) {
        assert!(seeds.len() > 1, "{target} has no seeds");
        seeds.iter().for_each(|seed| body(seed));
    }
}

/// A target, and how its seed is damaged: bytes set, bytes taken out, and another seed's end behind it.
fn damaged() -> impl Strategy<Value = (Body, Vec<u8>)> {
    let places = vec((any::<Index>(), any::<u8>()), 0..8);
    let seeds = (any::<Index>(), any::<Index>(), any::<Index>());
    (seeds, places, any::<(Index, Index)>(), any::<bool>()).prop_map(
        |(which, places, (from, to), spliced)| {
            let (body, seeds) = which.0.get(&SEEDS);
            let mut bytes = which.1.get(seeds).clone();
            for (at, byte) in places {
                *at.get_mut(&mut bytes) = byte;
            }
            if spliced {
                let other = which.2.get(seeds);
                bytes.truncate(from.index(bytes.len()));
                bytes.extend_from_slice(&other[to.index(other.len())..]);
            }
            (*body, bytes)
        },
    )
}

/// The same inputs each time: what else there is to be found is the fuzzers' business.
fn few() -> ProptestConfig {
    let (cases, rng_seed) = (2000, RngSeed::Fixed(28181));
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn damage_breaks_nothing((body, bytes) in damaged()) {
        body(&bytes);
    }

    #[test]
    fn rubbish_breaks_nothing(bytes in vec(any::<u8>(), 0..600)) {
        ALL.iter().for_each(|(_, body)| body(&bytes));
    }

    #[test]
    fn markup_breaks_nothing(text in "(<|</|>|/>|\"|'|&|;|#|<!--|-->|<!\\[CDATA\\[|\\]\\]>|<\\?|\\?>|Item|Query|=|\\PC| ){0,64}") {
        bodies::manscdp::run(text.as_bytes());
    }
}
