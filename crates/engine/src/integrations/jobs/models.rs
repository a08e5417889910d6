//! Jobs that make models or use them: SageMaker, Bedrock.

use super::model::Origin::{Parameters, Response};
use super::model::Step::To;
use super::model::{Following, Origin, PLAIN, Stop};

pub(super) const JOBS: &[Following] = &[
    Following {
        service: "bedrock",
        action: "createModelCustomizationJob",
        describe: "getModelCustomizationJob",
        by: BEDROCK,
        state: &["Status"],
        done: &["Completed"],
        failed: &["Failed", "Stopped"],
        stop: Some(Stop {
            action: "stopModelCustomizationJob",
            by: BEDROCK,
        }),
        ..PLAIN
    },
    sagemaker(
        [
            "createHyperParameterTuningJob",
            "describeHyperParameterTuningJob",
            "stopHyperParameterTuningJob",
        ],
        &[(
            "HyperParameterTuningJobName",
            Parameters("HyperParameterTuningJobName"),
        )],
        &["HyperParameterTuningJobStatus"],
    ),
    sagemaker(
        ["createLabelingJob", "describeLabelingJob", "stopLabelingJob"],
        &[("LabelingJobName", Parameters("LabelingJobName"))],
        &["LabelingJobStatus"],
    ),
    sagemaker(
        [
            "createProcessingJob",
            "describeProcessingJob",
            "stopProcessingJob",
        ],
        &[("ProcessingJobName", Parameters("ProcessingJobName"))],
        &["ProcessingJobStatus"],
    ),
    sagemaker(
        ["createTrainingJob", "describeTrainingJob", "stopTrainingJob"],
        &[("TrainingJobName", Parameters("TrainingJobName"))],
        &["TrainingJobStatus"],
    ),
    sagemaker(
        ["createTransformJob", "describeTransformJob", "stopTransformJob"],
        &[("TransformJobName", Parameters("TransformJobName"))],
        &["TransformJobStatus"],
    ),
];

const BEDROCK: &[(&str, Origin)] = &[("JobIdentifier", Response(&[To("JobArn")]))];

/// A kind of SageMaker's jobs, which all have a name that their author gives them.
const fn sagemaker(
    [action, describe, stop]: [&'static str; 3],
    by: &'static [(&'static str, Origin)],
    state: &'static [&'static str],
) -> Following {
    Following {
        service: "sagemaker",
        action,
        describe,
        by,
        state,
        done: &["Completed"],
        failed: &["Failed", "Stopped"],
        stop: Some(Stop { action: stop, by }),
        ..PLAIN
    }
}
