# Every habit by name. Each recipe is plain cargo: without `just`, run the line below the name.

# List the recipes.
default:
    @just --list

# Format everything.
fmt:
    cargo fmt --all

# What must hold before any test is run: formatting, lints, documentation.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings -D missing_docs" cargo doc --workspace --no-deps

# The tests, as the README runs them.
test *args:
    cargo test {{args}}

# The orders in which threads may meet, under a model checker: `LARDER_SCHEDULES=50000 just interleavings reads`.
interleavings *args:
    RUSTFLAGS="--cfg shuttle" cargo test --profile shuttle --target-dir target/shuttle -p larder-interleavings {{args}}

# The same for as long as it takes: 5,000,000 schedules, an hour or two on two processors.
soak-interleavings:
    LARDER_SCHEDULES=5000000 just interleavings

# The benches, all or some: `just bench --bench memory_hit`.
bench *args:
    cargo bench -p larder-benches {{args}}

# The demonstration on a real database: `just demo --requests 50000`.
demo *args:
    cargo run --release -- demo {{args}}

# The documentation, in a browser.
doc:
    cargo doc --workspace --no-deps --open

# Licences, advisories and sources of the dependencies (needs cargo-deny).
deny:
    cargo deny check

# Soak: power lost at a million moments.
soak-power-loss:
    LARDER_POWER_LOSSES=1000000 RUST_BACKTRACE=0 cargo test --release -p larder-tests power_loss -- --nocapture

# Soak: an error at every operation of three workloads, for fifty seeds.
soak-io-errors:
    LARDER_IO_ERRORS=50 RUST_BACKTRACE=0 cargo test --release -p larder-tests an_error -- --nocapture

# Soak: a thousand full disks.
soak-full-disk:
    LARDER_FULL_DISKS=1000 RUST_BACKTRACE=0 cargo test --release -p larder-tests a_full_disk -- --nocapture

# The gate: what has to pass before a change lands.
ci:
    bash .ci/run
