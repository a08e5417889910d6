//! Decisions about state machines that need nothing but what was asked. Sources: the API reference of Step Functions, and AWS's answers.

use thiserror::Error;

use super::model::{Encryption, EncryptionKind, LogLevel, Logging, Route, Tag};
use crate::arn::{Arn, Place, Qualifier, Resource};
use crate::limits::{KMS_DATA_KEY_REUSE_SECONDS_DEFAULT, TAGS_PER_RESOURCE_MAX};

/// Whether a state machine, execution or activity may have this name (API reference, `name`): no whitespace, none of
/// `< > { } [ ] ? * " # % \ ^ | ~ ` $ & , ; : /`, no control characters.
pub fn name_is_valid(name: &str) -> bool {
    !name.is_empty()
        && !name.chars().any(|c| {
            c.is_whitespace()
                || c.is_control()
                || matches!(c, '\u{FFFE}' | '\u{FFFF}' | '\u{10FFFF}')
                || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
        })
}

/// Why logging can't be like that. AWS's words after `Invalid Logging Configuration: `.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LoggingError {
    /// A level needs a destination, and there is only ever one.
    #[error("Must specify exactly one Log Destination.")]
    OneDestination,
    /// A log group's ARN ends with `:*`.
    #[error("Invalid Log Destination.")]
    NotALogGroup,
    /// CloudWatch Logs does not know the group (recorded on AWS, June 2024).
    #[error("Log Destination not found.")]
    NotFound,
}

/// Checks where a machine wants to log to.
pub fn check_logging(logging: &Logging) -> Result<(), LoggingError> {
    let destinations = logging.destinations.as_deref().unwrap_or_default();
    if logging.level != LogLevel::Off && destinations.len() != 1 || destinations.len() > 1 {
        return Err(LoggingError::OneDestination);
    }
    let is_log_group = |arn: &str| {
        let mut parts = arn.splitn(7, ':');
        let found = (parts.next(), parts.nth(1), parts.nth(2));
        found == (Some("arn"), Some("logs"), Some("log-group"))
            && parts.next().is_some_and(|name| name.ends_with(":*"))
    };
    let all_are_log_groups = destinations.iter().all(|destination| {
        destination
            .cloud_watch_logs_log_group
            .as_ref()
            .and_then(|group| group.log_group_arn.as_deref())
            .is_some_and(is_log_group)
    });
    if all_are_log_groups {
        Ok(())
    } else {
        Err(LoggingError::NotALogGroup)
    }
}

/// Why encryption can't be like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncryptionError {
    /// A customer's key has to be named.
    #[error("kmsKeyId must be specified when type is CUSTOMER_MANAGED_KMS_KEY")]
    KeyMissing,
    /// AWS's own key has neither.
    #[error("kmsKeyId and kmsDataKeyReusePeriodSeconds must not be specified when type is AWS_OWNED_KEY")]
    KeyNotAllowed,
}

/// Reads an encryption configuration: a customer's key has a period also when none was given.
pub fn read_encryption(asked: Encryption) -> Result<Encryption, EncryptionError> {
    match asked.kind {
        EncryptionKind::CustomerManagedKmsKey if asked.kms_key_id.is_none() => {
            Err(EncryptionError::KeyMissing)
        }
        EncryptionKind::AwsOwnedKey
            if asked.kms_key_id.is_some() || asked.kms_data_key_reuse_period_seconds.is_some() =>
        {
            Err(EncryptionError::KeyNotAllowed)
        }
        EncryptionKind::CustomerManagedKmsKey => Ok(Encryption {
            kms_data_key_reuse_period_seconds: asked
                .kms_data_key_reuse_period_seconds
                .or(Some(KMS_DATA_KEY_REUSE_SECONDS_DEFAULT)),
            ..asked
        }),
        EncryptionKind::AwsOwnedKey => Ok(asked),
    }
}

/// The text is no ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no ARN of a role")]
pub struct RoleError(pub String);

/// Checks the form of a role's ARN, `arn:PARTITION:iam::ACCOUNT:role/NAME`. Whether there is such a role is not asked.
pub fn check_role(arn: &str) -> Result<(), RoleError> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn_word, partition, service, region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    let is_role = arn_word == "arn"
        && partition.starts_with("aws")
        && (service, region) == ("iam", "")
        && !account.is_empty()
        && account.bytes().all(|b| b.is_ascii_digit())
        && resource
            .strip_prefix("role/")
            .is_some_and(|name| !name.is_empty());
    if is_role {
        Ok(())
    } else {
        Err(RoleError(arn.to_owned()))
    }
}

/// Why tags are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TagsError {
    /// Service quota.
    #[error("the resource would have more than {TAGS_PER_RESOURCE_MAX} tags")]
    TooMany,
    /// Reserved by AWS.
    #[error("tag keys must not begin with `aws:`")]
    Reserved,
    /// Letters, digits, blanks and `_ . : / = + - @`.
    #[error("a tag holds a character that is not allowed")]
    Characters,
}

/// Checks tags one by one; how many a resource has is the table's matter.
pub fn check_tags(tags: &[Tag]) -> Result<(), TagsError> {
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    for tag in tags {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(TagsError::Reserved);
        }
        if !tag.key.chars().all(allowed) || !tag.value.chars().all(allowed) {
            return Err(TagsError::Characters);
        }
    }
    if tags.len() > TAGS_PER_RESOURCE_MAX {
        return Err(TagsError::TooMany);
    }
    Ok(())
}

/// Why an alias may not route like that, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RoutingError {
    /// Some ARN is not a version's.
    #[error("Routing configuration must contain state machine version ARNs. Received: [{0}]")]
    NotVersions(String),
    /// Twice the same.
    #[error("Routing configuration must contain distinct state machine version ARNs. Received: [{0}]")]
    NotDistinct(String),
    /// Versions of two machines.
    #[error("Routing configuration must contain versions of the same state machine. Received: [{0}]")]
    NotOneMachine(String),
    /// The weights are a percentage.
    #[error("Sum of routing configuration weights must equal 100. Received: [{0}]")]
    Sum(String),
}

/// An alias's routing as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// Account and region of the machine, the same for all versions.
    pub place: Place,
    /// The machine's name.
    pub machine: String,
    /// The first version and its share.
    pub first: Route,
    /// The second.
    pub second: Option<Route>,
}

/// Reads an alias's routing: one or two versions of one machine with weights that make 100.
pub fn read_routing(asked: &[(String, i32)]) -> Result<Routing, RoutingError> {
    let arns = || {
        let arns: Vec<&str> = asked.iter().map(|(arn, _)| arn.as_str()).collect();
        arns.join(", ")
    };
    let not_versions = || RoutingError::NotVersions(arns());
    let mut routes = Vec::with_capacity(asked.len());
    for (arn, weight_percent) in asked {
        let arn = Arn::parse(arn).map_err(|_| not_versions())?;
        let Resource::Machine {
            name,
            label: None,
            qualifier: Some(Qualifier::Version(version)),
        } = arn.resource
        else {
            return Err(not_versions());
        };
        routes.push((
            (arn.place, name),
            Route {
                version,
                weight_percent: *weight_percent,
            },
        ));
    }
    let mut routes = routes.into_iter();
    let ((place, machine), first) = routes.next().ok_or_else(not_versions)?;
    let second = match routes.next() {
        None => None,
        Some((other, _)) if other != (place.clone(), machine.clone()) => {
            return Err(RoutingError::NotOneMachine(arns()));
        }
        Some((_, second)) if second.version == first.version => {
            return Err(RoutingError::NotDistinct(arns()));
        }
        Some((_, second)) => Some(second),
    };
    let sum = first.weight_percent + second.map_or(0, |route| route.weight_percent);
    if sum != 100 {
        let weights: Vec<String> = asked.iter().map(|(_, weight)| weight.to_string()).collect();
        return Err(RoutingError::Sum(weights.join(", ")));
    }
    Ok(Routing {
        place,
        machine,
        first,
        second,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::model::{LogDestination, LogGroup};

    #[test]
    fn names_are_refused_as_aws_refuses_them() {
        for good in ["a", "ACTIVITY_NAME", "a.b-c_1", "größe", "a'b!(c)=+@"] {
            assert!(name_is_valid(good), "{good}");
        }
        for bad in "<>{}[]?*\"#%\\^|~`$&,;:/ \t\n\u{7f}\u{85}\u{0}".chars() {
            assert!(!name_is_valid(&format!("a{bad}b")), "{bad:?}");
        }
        assert!(!name_is_valid(""));
    }

    #[test]
    fn a_role_is_named_by_an_arn_of_iam() {
        for good in [
            "arn:aws:iam::000000000000:role/r",
            "arn:aws-cn:iam::123456789012:role/service-role/a.b",
        ] {
            assert_eq!(check_role(good), Ok(()));
        }
        for bad in [
            "",
            "r",
            "arn:aws:iam::000000000000:role/",
            "arn:aws:iam::000000000000:user/u",
            "arn:aws:iam:us-east-1:000000000000:role/r",
            "arn:aws:sts::000000000000:role/r",
            "arn:aws:iam::me:role/r",
            "arn:aws:iam:::role/r",
        ] {
            assert_eq!(check_role(bad), Err(RoleError(bad.to_owned())));
        }
    }

    #[test]
    fn a_customers_key_is_reused_for_five_minutes_unless_it_is_said_otherwise() {
        let asked = |seconds| Encryption {
            kms_key_id: Some("k".into()),
            kms_data_key_reuse_period_seconds: seconds,
            kind: EncryptionKind::CustomerManagedKmsKey,
        };
        assert_eq!(read_encryption(asked(None)), Ok(asked(Some(300))));
        assert_eq!(read_encryption(asked(Some(60))), Ok(asked(Some(60))));
        assert_eq!(read_encryption(Encryption::default()), Ok(Encryption::default()));
        let without_key = Encryption {
            kms_key_id: None,
            ..asked(None)
        };
        assert_eq!(read_encryption(without_key), Err(EncryptionError::KeyMissing));
        let owned = Encryption {
            kind: EncryptionKind::AwsOwnedKey,
            ..asked(None)
        };
        assert_eq!(read_encryption(owned), Err(EncryptionError::KeyNotAllowed));
    }

    #[test]
    fn a_log_level_needs_exactly_one_log_group() {
        let group = |arn: &str| LogDestination {
            cloud_watch_logs_log_group: Some(LogGroup {
                log_group_arn: Some(arn.into()),
            }),
        };
        let good = group("arn:aws:logs:us-east-1:000000000000:log-group:/aws/states/x:*");
        let logging = |level, destinations| Logging {
            level,
            include_execution_data: false,
            destinations,
        };
        assert_eq!(check_logging(&Logging::default()), Ok(()));
        assert_eq!(check_logging(&logging(LogLevel::Off, Some(vec![]))), Ok(()));
        assert_eq!(
            check_logging(&logging(LogLevel::All, Some(vec![good.clone()]))),
            Ok(())
        );
        assert_eq!(
            check_logging(&logging(LogLevel::Fatal, None)),
            Err(LoggingError::OneDestination)
        );
        assert_eq!(
            check_logging(&logging(LogLevel::All, Some(vec![good.clone(), good]))),
            Err(LoggingError::OneDestination)
        );
        let without_star = group("arn:aws:logs:us-east-1:000000000000:log-group:/aws/states/x");
        assert_eq!(
            check_logging(&logging(LogLevel::All, Some(vec![without_star]))),
            Err(LoggingError::NotALogGroup)
        );
    }

    #[test]
    fn an_alias_routes_to_one_or_two_versions_of_one_machine() {
        let version = |machine: &str, n: i32| {
            format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}:{n}")
        };
        let routing = read_routing(&[(version("m", 1), 70), (version("m", 2), 30)]).unwrap();
        assert_eq!(
            (routing.first.version, routing.second.unwrap().weight_percent),
            (1, 30)
        );
        let text = |asked: &[(String, i32)]| read_routing(asked).unwrap_err().to_string();
        assert_eq!(
            text(&[(version("m", 1), 70), (version("m", 2), 31)]),
            "Sum of routing configuration weights must equal 100. Received: [70, 31]"
        );
        assert!(text(&[(version("m", 1), 50), (version("m", 1), 50)]).contains("distinct"));
        assert!(text(&[(version("m", 1), 50), (version("n", 2), 50)]).contains("same state machine"));
        assert!(
            text(&[("arn:aws:states:us-east-1:000000000000:stateMachine:m".into(), 100)])
                .contains("version ARNs")
        );
    }
}
