//! The operations of the service, by the name in `X-Amz-Target`.

macro_rules! operations {
    ($($name:ident),* $(,)?) => {
        /// All operations of the Step Functions API (botocore 1.44, stepfunctions 2016-11-23).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are AWS's own")]
        pub enum Operation { $($name),* }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Operation] = &[$(Self::$name),*];

            /// The name as AWS writes it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// The operation of this name.
            pub fn by_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }
        }
    };
}

operations! {
    CreateActivity, CreateStateMachine, CreateStateMachineAlias, DeleteActivity, DeleteStateMachine, DeleteStateMachineAlias,
    DeleteStateMachineVersion, DescribeActivity, DescribeExecution, DescribeMapRun, DescribeStateMachine,
    DescribeStateMachineAlias, DescribeStateMachineForExecution, GetActivityTask, GetExecutionHistory, ListActivities,
    ListExecutions, ListMapRuns, ListStateMachineAliases, ListStateMachineVersions, ListStateMachines, ListTagsForResource,
    PublishStateMachineVersion, RedriveExecution, SendTaskFailure, SendTaskHeartbeat, SendTaskSuccess, StartExecution,
    StartSyncExecution, StopExecution, TagResource, TestState, UntagResource, UpdateMapRun, UpdateStateMachine,
    UpdateStateMachineAlias, ValidateStateMachineDefinition,
}

impl Operation {
    /// The operation that a `X-Amz-Target` header asks for.
    pub fn from_target(target: &str) -> Option<Self> {
        Self::by_name(target.strip_prefix("AWSStepFunctions.")?)
    }
}
