//! Every number the language is bounded by, with its unit and where it comes from. Tests switch to tiny values.

/// The bounds one execution is evaluated under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of UTF-8 a state's input, output or a task's result may have. AWS: 256 KiB (Step Functions quotas, "Quotas related to state machine executions").
    pub payload_bytes_max: usize,
    /// Bytes of all variables that a state sees. AWS: 10 MiB per execution ("Passing data between states with variables"); one
    /// `Assign` may hold as much as a payload.
    pub variables_bytes_max: usize,
    /// Events an execution's history may hold. AWS: 25,000 (the same page); Express histories are not bounded.
    pub history_events_max: u64,
    /// States entered in one call of `start` or `step` before it hands back with `resume`. Ours: keeps one call to some milliseconds.
    pub transitions_per_call_max: u32,
    /// Levels of nesting a JSON text may have. Ours: Jackson, which AWS reads JSON with, refuses more than 1,000.
    pub json_depth_max: usize,
    /// Seconds a Wait may last. AWS: what a signed 32-bit number holds (recorded: 24,855 days are fine, 24,856 are not).
    pub wait_seconds_max: i64,
    /// Seconds an Express execution may run. AWS: five minutes.
    pub express_seconds_max: u64,
    /// Milliseconds one JSONata expression may run. Ours.
    pub jsonata_ms_max: u64,
    /// Values a JSONata sequence may hold (ranges, `$partition`, `$range`). Ours.
    pub jsonata_sequence_max: usize,
    /// Values an intrinsic function may produce in an array. AWS: `States.ArrayRange` 1,000.
    pub array_range_max: i64,
}

impl Limits {
    /// The bounds AWS has.
    pub const AWS: Limits = Limits {
        payload_bytes_max: 256 * 1024,
        variables_bytes_max: 10 * 1024 * 1024,
        history_events_max: 25_000,
        transitions_per_call_max: 1_000,
        json_depth_max: JSON_DEPTH_MAX,
        wait_seconds_max: i32::MAX as i64,
        express_seconds_max: 5 * 60,
        jsonata_ms_max: 1_000,
        jsonata_sequence_max: 1_000_000,
        array_range_max: 1_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::AWS
    }
}

/// Levels of nesting a JSON text may have (Jackson's `StreamReadConstraints.DEFAULT_MAX_DEPTH`).
pub const JSON_DEPTH_MAX: usize = 1_000;

/// Bytes a definition may have. AWS: CreateStateMachine, `definition`, 1,048,576.
pub const DEFINITION_BYTES_MAX: usize = 1_048_576;

/// Levels of nesting of arrays and objects in a definition. Ours: nothing published comes near it, and it
/// bounds the stack of every walk over the tree.
pub const DEFINITION_DEPTH_MAX: usize = 256;

/// Diagnostics one check gives at most. AWS: ValidateStateMachineDefinition, `maxResults`, 100.
pub const DIAGNOSTICS_MAX: usize = 100;

/// Seconds of a timeout, heartbeat or wait. AWS: "Maximum value is 99999999".
pub const SECONDS_MAX: i64 = 99_999_999;

/// Attempts of a retrier. AWS: "Maximum value is 99999999".
pub const RETRY_ATTEMPTS_MAX: i64 = 99_999_999;

/// Seconds of a retrier's `MaxDelaySeconds`. AWS: more than 0 and less than 31,622,400.
pub const RETRY_DELAY_SECONDS_MAX: i64 = 31_622_400;

/// Characters of a state's name. AWS: Step Functions quotas.
pub const STATE_NAME_CHARS_MAX: usize = 80;

/// Characters of a Map's `Label`. AWS: "Map state processing modes", `Label`.
pub const LABEL_CHARS_MAX: usize = 40;

/// Characters of a variable's name. AWS: "Passing data between states with variables".
pub const VARIABLE_NAME_CHARS_MAX: usize = 80;

/// Calls of intrinsic functions within one another. AWS: "Intrinsics", "You can nest up to 10 intrinsic functions".
pub const INTRINSIC_NESTING_MAX: usize = 10;

/// Seconds an Express execution may take. AWS: five minutes.
pub const EXPRESS_SECONDS_MAX: i64 = 300;

/// Seconds a Standard execution may take. AWS: one year.
pub const STANDARD_SECONDS_MAX: i64 = 365 * 24 * 3_600;

/// Rounds of applying fixes and checking again. Each round's fixes touch places of their own; few definitions need more than two.
pub const FIX_ROUNDS_MAX: usize = 20;

/// Bytes of one item as it stands in what an `ItemReader` reads. An item becomes (part of) an execution's input, which may
/// have 256 KiB; a row or element beyond twice that can't fit, and is not gathered in memory to find out.
pub const ITEM_BYTES_MAX: usize = 512 * 1024;

/// Items of one Map Run. AWS: `MaxItems`, 100,000,000.
pub const ITEMS_MAX: u64 = 100_000_000;
