//! The operations that are used, how much AWS grants of each, and which goes first.

use crate::config::Quota;

macro_rules! operations {
    ($($operation:ident $priority:ident $large_bucket:literal / $large_refill:literal, $bucket:literal / $refill:literal;)*) => {
        /// An operation of the Step Functions API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $(
                #[doc = concat!("`", stringify!($operation), "`")]
                $operation,
            )*
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Self] = &[$(Self::$operation),*];

            /// Its name in the API.
            pub fn name(self) -> &'static str {
                match self { $(Self::$operation => stringify!($operation),)* }
            }

            /// Which calls of it go first, unless the caller says otherwise.
            pub fn priority(self) -> Priority {
                match self { $(Self::$operation => Priority::$priority,)* }
            }

            /// What AWS grants to an account in `region`: requests at once, and a second after that.
            pub fn published_quota(self, region: &str) -> Quota {
                let large = matches!(region, "us-east-1" | "us-west-2" | "eu-west-1");
                match self {
                    $(Self::$operation if large => Quota { bucket: $large_bucket, refill_per_second: f64::from($large_refill) },
                    Self::$operation => Quota { bucket: $bucket, refill_per_second: f64::from($refill) },)*
                }
            }
        }
    };
}

// Bucket / refill a second in us-east-1, us-west-2 and eu-west-1, then in the other regions: developer guide, "Step Functions
// service quotas", section "Quotas related to API action throttling". StartSyncExecution has no fixed bucket; it gets
// StartExecution's of Express workflows.
operations! {
    StartExecution Start 1_300 / 300, 800 / 150;
    StartSyncExecution Start 6_000 / 6_000, 6_000 / 6_000;
    StopExecution Stop 1_000 / 200, 500 / 25;
    RedriveExecution Start 1_300 / 300, 800 / 150;
    DescribeExecution Describe 300 / 15, 250 / 10;
    GetExecutionHistory Describe 400 / 20, 400 / 20;
    ListExecutions Sweep 200 / 5, 100 / 2;
    SendTaskSuccess Start 3_000 / 500, 1_500 / 300;
    SendTaskFailure Start 3_000 / 500, 1_500 / 300;
    SendTaskHeartbeat Start 3_000 / 500, 1_500 / 300;
    CreateStateMachine Start 100 / 1, 100 / 1;
    UpdateStateMachine Start 100 / 1, 100 / 1;
    DeleteStateMachine Start 100 / 1, 100 / 1;
    DescribeStateMachine Describe 200 / 20, 200 / 20;
    DescribeStateMachineForExecution Describe 200 / 1, 200 / 1;
    ListStateMachines Sweep 100 / 5, 100 / 5;
    PublishStateMachineVersion Start 100 / 1, 100 / 1;
    DeleteStateMachineVersion Sweep 100 / 1, 100 / 1;
    ListStateMachineVersions Describe 100 / 1, 100 / 1;
    CreateStateMachineAlias Start 100 / 1, 100 / 1;
    UpdateStateMachineAlias Start 100 / 1, 100 / 1;
    DeleteStateMachineAlias Start 100 / 1, 100 / 1;
    DescribeStateMachineAlias Describe 200 / 1, 200 / 1;
    ListStateMachineAliases Describe 100 / 1, 100 / 1;
    TagResource Start 200 / 1, 200 / 1;
    UntagResource Start 200 / 1, 200 / 1;
    ListTagsForResource Describe 100 / 1, 100 / 1;
    TestState Start 50 / 10, 50 / 10;
    ValidateStateMachineDefinition Describe 100 / 1, 100 / 1;
}

impl Operation {
    /// The operation of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|operation| operation.name() == name)
    }
}

/// Which calls of an operation go first when its tokens run short. A lower one leaves a part of the bucket to the higher ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Background comparison of everything.
    Sweep,
    /// Looking at one thing.
    Describe,
    /// Starting and changing things.
    Start,
    /// Stopping things.
    Stop,
    /// Taking back a bad version. Waits for nobody.
    Rollback,
}

impl Priority {
    /// The part of a bucket that is left to higher priorities.
    pub(super) fn reserve(self) -> f64 {
        match self {
            Self::Sweep => 0.5,
            Self::Describe => 0.25,
            Self::Start => 0.1,
            Self::Stop => 0.05,
            Self::Rollback => 0.0,
        }
    }
}
