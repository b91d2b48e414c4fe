//! The suite that every tier passes, on a bucket of a real S3 server: `make test-tiers`.
#![expect(clippy::disallowed_methods, reason = "the server is named by the environment of the tests")]

use std::sync::Arc;
use std::time::Duration;

use hozon_format::{Digest, Key};
use hozon_sys::Os;
use hozon_tier::{
    Address, Deadlines, Notify, ObjectName, Secret, Settings, Tier, TierError, conformance, open,
};

fn settings(endpoint: &str) -> Settings {
    let variable = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
    let variables = vec![
        variable("AWS_ACCESS_KEY_ID", "testing"),
        variable("AWS_SECRET_ACCESS_KEY", "c4n4ry"),
        variable("AWS_REGION", "us-east-1"),
        variable("AWS_ENDPOINT", endpoint),
        variable("AWS_ALLOW_HTTP", "true"),
        variable("AWS_NO_SUCH_SETTING", "x"),
    ];
    // The server is written in Python, and the machine may be busy.
    let deadlines = Deadlines { small: Duration::from_secs(30), ..Deadlines::default() };
    Settings { variables, deadlines, ..Settings::default() }
}

fn tier(address: &str, settings: &Settings) -> Arc<dyn Tier> {
    let notify: Notify = Arc::new(|why: &str| assert!(!why.contains("c4n4ry"), "{why}"));
    open(&Address::parse(address).unwrap(), settings, Arc::new(Os), notify).unwrap()
}

#[test]
#[ignore = "needs an S3 server: make test-tiers"]
fn a_bucket_is_a_tier() {
    let endpoint = std::env::var("HOZON_TEST_S3").unwrap();
    conformance::check(&tier("s3://hozon-tests/with/a/prefix", &settings(&endpoint)));
    conformance::check(&tier("s3://hozon-tests", &settings(&endpoint)));
    let blob = vec![1; 5];
    tier("s3://hozon-tests", &settings(&endpoint)).put_blob(&Digest::of(&blob), 5, &mut &blob[..]).unwrap();
    let reading = Settings { read_only: true, ..settings(&endpoint) };
    conformance::check_read_only(&*tier("s3://hozon-tests", &reading), &blob);
}

#[test]
fn a_bucket_that_does_not_answer_costs_a_deadline_and_tells_nothing() {
    let name = ObjectName::entries(&Key::from_digest(Digest::of(b"x")));
    let short = Deadlines {
        connect: Duration::from_millis(300),
        small: Duration::from_millis(300),
        ..Deadlines::default()
    };
    let settings = Settings { deadlines: short, ..settings("http://127.0.0.1:9") };
    for address in ["s3://bucket/prefix", "gs://bucket/prefix", "az://container/prefix"] {
        let tier = tier(address, &settings);
        let first = tier.get(&name, 10).unwrap_err();
        assert!(matches!(first, TierError::Unreachable(_) | TierError::Refused(_)), "{address}: {first:?}");
        assert!(!format!("{first:?} {first} {tier:?}").contains("c4n4ry"));
        assert!(matches!(tier.get(&name, 10), Err(TierError::Paused)), "{address}");
    }
}
