# `just` lists these; .ci/run runs the ones that a change must pass.

default:
    @just --list

# run everything on this machine: Postgres, engine, API, workers
serve *args:
    cargo run --release -- serve {{args}}

# what the README calls the test command
test *args:
    cargo test --workspace {{args}}

fmt:
    cargo fmt --all

lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# the rules of the tree that no compiler checks
tidy:
    cargo test --test tidy

# write openapi/signalbox.json anew
openapi:
    cargo run -- openapi --output openapi/signalbox.json

# write the catalogue of AWS's services anew (needs Python with botocore; docs/decisions/catalogue.md)
catalogue:
    python3 crates/catalogue/generate.py

# licences, bans, sources (needs cargo-deny)
deny:
    cargo deny check licenses bans sources

ci:
    .ci/run
