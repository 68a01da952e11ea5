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

# Each package alone: whether it asks for the features that it needs.
alone:
    for package in $(cargo tree --workspace --exclude larder-benches --depth 0 --prefix none --format '{p}' | cut -d ' ' -f 1 | sort -u); do cargo check --quiet -p $package || exit 1; done

# The tests, as the README runs them.
test *args:
    cargo test {{args}}

# How the code is arranged: imports and circles of every crate, names, widths, lists of proofs.
tidy:
    cargo test -p larder-tests tidy -- --nocapture

# The targets: record, value, key, file, operations, settings, url, export, control, request, answer.
# Fuzz one target for a minute (needs cargo-fuzz and a C++ compiler): `just fuzz record`.
fuzz target="record" seconds="60":
    mkdir -p target/fuzz/{{target}}
    RUSTC_BOOTSTRAP=1 CARGO_PROFILE_RELEASE_LTO=off cargo fuzz run --fuzz-dir tests/fuzz --features libfuzzer {{target}} target/fuzz/{{target}} tests/fuzz/corpus/{{target}} -- -max_total_time={{seconds}} -max_len=4000 -timeout=20

# Replay the corpus of the fuzz targets, and give each so many made-up inputs.
fuzz-corpus rounds="200":
    LARDER_FUZZ_ROUNDS={{rounds}} cargo test -p larder-fuzz

# The server and its clients: redis-cli, redis-py and Django, where they can be had.
serve *args:
    cargo test -p larder-serve {{args}}

# The remote tier and a redis-server, where one is installed.
redis *args:
    cargo test -p larder-redis {{args}}

# `just redis-with valkey-server`. CONTRIBUTING.md says which Python packages have a server.
# The same with another server, such as Valkey or a newer Redis.
redis-with server *args:
    LARDER_REDIS_SERVER={{server}} cargo test -p larder-redis --features tls {{args}}

# `just types -- --nocapture` prints what became of the values.
# Hundreds of generated types in each format, and types that change.
types *args:
    cargo test -p larder-types {{args}}

# Write the generated types anew: `just types-generate --seed 12` for others, which are not to be checked in.
types-generate *args:
    cargo run -p larder-types --bin generate -- {{args}}

# More schedules of some scenarios: `LARDER_SCHEDULES=50000 just interleavings reads`.
# The orders in which threads may meet, under a model checker.
interleavings *args:
    RUSTFLAGS="--cfg shuttle" cargo test --profile shuttle --target-dir target/shuttle -p larder-interleavings {{args}}

# The same for as long as it takes: 5,000,000 schedules, an hour or two on two processors.
soak-interleavings:
    LARDER_SCHEDULES=5000000 just interleavings

# It takes at most 45 minutes after the build. Nothing else may run on the machine.
# Measure docs/benchmarks.md anew, in one go.
bench-page *args:
    cargo run --release -p larder-benches --bin page -- {{args}}

# For some benches: `just bench --bench memory_hit`.
# The benches, then docs/benchmarks.md from all that were ever run here.
bench *args:
    cargo bench -p larder-benches {{args}}
    cargo run --release -p larder-benches --bin report

# The same with figures that need only be plausible; the report goes below target/.
bench-quick *args:
    LARDER_BENCH_QUICK=1 cargo bench -p larder-benches {{args}} -- --quick
    cargo run --release -p larder-benches --bin report -- --quick --to target/larder-bench/quick

# docs/benchmarks.md, after a change of benches/reasons.txt.
bench-report:
    cargo run --release -p larder-benches --bin report

# `just instructions --keep` keeps what is counted now.
# Instructions of hits and inserts against the kept figures (needs valgrind).
instructions *args:
    cargo run --release -p larder-callgrind -- {{args}}

# The demonstration on a real database: `just demo --requests 50000`.
demo *args:
    cargo run --release -p larder-demo -- {{args}}

# The documentation, in a browser.
doc:
    cargo doc --workspace --no-deps --open

# Licences, advisories and sources of the dependencies (needs cargo-deny).
deny:
    cargo deny check

# The soaks: the harnesses of the tests, for as long as they are worth. Each prints its seed, and on failure
# the command that replays it.

# Soak: power lost at a million moments.
soak-power-loss:
    LARDER_POWER_LOSSES=1000000 RUST_BACKTRACE=0 cargo test --release -p larder-tests power_loss -- --nocapture

# Soak: an error at every operation of three workloads, for fifty seeds.
soak-io-errors:
    LARDER_IO_ERRORS=50 RUST_BACKTRACE=0 cargo test --release -p larder-tests an_error -- --nocapture

# Soak: a thousand full disks.
soak-full-disk:
    LARDER_FULL_DISKS=1000 RUST_BACKTRACE=0 cargo test --release -p larder-tests a_full_disk -- --nocapture

# Soak: threads at work while the disk fails and heals, 10,000 rounds; a few hours.
soak-outages:
    LARDER_OUTAGE_STRESS=10000 RUST_BACKTRACE=0 cargo test -p larder-tests threads_get_what_they_were_promised -- --nocapture

# 20,000 kills of a writing process; about an hour.
soak-kill:
    LARDER_KILLS=20000 cargo test -p larder-tests contract_4_nothing_acknowledged -- --nocapture

# 100,000 workloads while the test removes, moves and replaces the file; about three quarters of an hour.
soak-file-acts:
    LARDER_FILE_ACTS=100000 cargo test -p larder-tests contract_3_what_happens -- --nocapture

# An hour of eight workers and a server that is killed several times a second.
soak-serve-kills:
    LARDER_KILLS_SECONDS=3600 cargo test -p larder-serve eight_workers_get -- --nocapture

# 10,000 damaged files; about four minutes.
soak-damage:
    LARDER_DAMAGES=10000 cargo test -p larder-tests contract_5_any_damage -- --nocapture

# Eight hours of threads, restarts and kills, and a judge for every answer.
soak-staleness:
    LARDER_STALENESS_SECONDS=28800 cargo test -p larder-tests contract_3_no_answer_is_stale -- --nocapture

# 2,000 races to own a file; about eight minutes.
soak-races:
    LARDER_RACES=2000 cargo test -p larder-tests contract_8_one_of_many -- --nocapture

# Eight hours of openings and a mixed load, and what the process takes.
soak-churn:
    LARDER_CHURN_SECONDS=28800 cargo test -p larder-tests contract_7_what_a_process -- --nocapture

# A million histories against the model; about two hours.
soak-model:
    LARDER_MODEL_CASES=1000000 cargo test -p larder-tests the_cache_answers_as_the_model_does -- --nocapture

# Three million keys, spelled and read back; about a minute.
soak-spellings:
    LARDER_SPELLINGS=1000000 cargo test --release -p larder-product spelled

# 100,000 planted races and 20 failovers of the remote tier; about six minutes.
soak-redis:
    LARDER_REDIS_RACES=100000 cargo test -p larder-redis races::no_copy -- --nocapture
    LARDER_REDIS_FAILOVERS=20 cargo test -p larder-redis failover:: -- --nocapture

# Soak: 10,000 closings beside 16 threads.
soak-closing:
    LARDER_CLOSINGS=10000 cargo test -p larder-tests closing:: -- --nocapture

# The gate: what has to pass before a change lands.
ci:
    bash .ci/run
