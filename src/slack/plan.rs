//! What a slash command or a button means. Pure.

use crate::approvals::Vote;
use crate::deployments::step::Command;
use crate::ids::{ApprovalId, DeploymentId};

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Approve or reject. `digest`: the plan's digest or its beginning, where it was given.
    Decide {
        approval: ApprovalId,
        vote: Vote,
        digest: Option<String>,
        comment: Option<String>,
    },
    /// Steer a deployment.
    Steer {
        deployment: DeploymentId,
        command: Command,
        reason: Option<String>,
    },
    /// How a deployment stands.
    Deployment(DeploymentId),
    /// How an approval stands.
    Approval(ApprovalId),
    /// What can be said.
    Help,
}

/// What can be said, for people.
pub(super) const HELP: &str = "What I understand:\n\
    `approve apr_… [sha256:…] [comment]`, `reject apr_… [comment]`\n\
    `status dep_…`, `status apr_…`\n\
    `promote dep_…`, `abort dep_… [reason]`, `rollback dep_… [reason]`, `pause dep_…`, `resume dep_…`";

/// Reads the text after the slash command. An error says what to write instead.
pub(super) fn read(text: &str) -> Result<Order, String> {
    let text = text.trim();
    let (verb, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (subject, rest) = split(rest);
    let rest = Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty());
    match verb.to_ascii_lowercase().as_str() {
        "" | "help" => Ok(Order::Help),
        "approve" => decide(Vote::Approve, subject, rest),
        "reject" => decide(Vote::Reject, subject, rest),
        "status" => match (subject.parse(), subject.parse()) {
            (Ok(deployment), _) => Ok(Order::Deployment(deployment)),
            (_, Ok(approval)) => Ok(Order::Approval(approval)),
            _ => Err("`status` takes the id of a deployment (`dep_…`) or an approval (`apr_…`)".to_owned()),
        },
        "promote" => steer(Command::Promote, subject, rest),
        "pause" => steer(Command::Pause, subject, rest),
        "resume" => steer(Command::Resume, subject, rest),
        "abort" => steer(Command::Abort, subject, rest),
        "rollback" => steer(Command::Rollback, subject, rest),
        other => Err(format!(
            "I don't understand `{}`.\n{HELP}",
            other.chars().take(40).collect::<String>()
        )),
    }
}

/// Reads a button's action and value, as announcements of approvals carry them: `apr_… sha256:…`.
pub(super) fn read_button(action: &str, value: &str) -> Result<Order, String> {
    let vote = match action {
        "approve" => Vote::Approve,
        "reject" => Vote::Reject,
        _ => return Err("this button is not one of mine".to_owned()),
    };
    let (approval, digest) = value.split_once(' ').ok_or("this button is not one of mine")?;
    let approval = approval.parse().map_err(|_| "this button is not one of mine")?;
    Ok(Order::Decide {
        approval,
        vote,
        digest: Some(digest.to_owned()),
        comment: None,
    })
}

fn decide(vote: Vote, subject: &str, rest: Option<String>) -> Result<Order, String> {
    let approval = subject
        .parse()
        .map_err(|_| "name the approval by its id, `apr_…`".to_owned())?;
    let rest = rest.unwrap_or_default();
    let (digest, comment) = match split(&rest) {
        (digest, comment) if digest.starts_with("sha256:") => (Some(digest.to_owned()), comment),
        _ => (None, rest.as_str()),
    };
    let comment = Some(comment.trim().to_owned()).filter(|comment| !comment.is_empty());
    Ok(Order::Decide {
        approval,
        vote,
        digest,
        comment,
    })
}

fn steer(command: Command, subject: &str, reason: Option<String>) -> Result<Order, String> {
    let deployment = subject
        .parse()
        .map_err(|_| "name the deployment by its id, `dep_…`".to_owned())?;
    Ok(Order::Steer {
        deployment,
        command,
        reason,
    })
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// The digest a typed decision is about. Typed without one it counts only for a plan that never changed since it was asked: who
/// types may have looked at an earlier plan.
pub(super) fn digest_meant(given: Option<&str>, current: &str, round: i32) -> Result<String, String> {
    match given {
        Some(given) if given.len() >= "sha256:".len() + 8 && current.starts_with(given) => {
            Ok(current.to_owned())
        }
        Some(given) => Ok(given.to_owned()),
        None if round == 1 => Ok(current.to_owned()),
        None => {
            let short: String = current.chars().take("sha256:".len() + 12).collect();
            Err(format!(
                "the plan has changed since it was first asked; look at it, and add its digest: `{short}`"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_with_their_reasons() {
        let (approval, deployment) = (ApprovalId::generate(), DeploymentId::generate());
        assert_eq!(read("  "), Ok(Order::Help));
        assert_eq!(
            read(&format!("approve {approval} looks good")),
            Ok(Order::Decide {
                approval,
                vote: Vote::Approve,
                digest: None,
                comment: Some("looks good".to_owned())
            })
        );
        assert_eq!(
            read(&format!("Reject  {approval}  sha256:0123456789ab too risky")),
            Ok(Order::Decide {
                approval,
                vote: Vote::Reject,
                digest: Some("sha256:0123456789ab".to_owned()),
                comment: Some("too risky".to_owned())
            })
        );
        assert_eq!(
            read(&format!("rollback {deployment} it burns")),
            Ok(Order::Steer {
                deployment,
                command: Command::Rollback,
                reason: Some("it burns".to_owned())
            })
        );
        assert_eq!(
            read(&format!("status {deployment}")),
            Ok(Order::Deployment(deployment))
        );
        assert_eq!(read(&format!("status {approval}")), Ok(Order::Approval(approval)));
    }

    #[test]
    fn what_is_not_understood_is_told_with_what_would_be() {
        assert!(read("launch everything").unwrap_err().contains("approve"));
        assert!(read("approve dep_1").unwrap_err().contains("apr_"));
        assert!(read("promote").unwrap_err().contains("dep_"));
    }

    #[test]
    fn a_button_names_the_digest_that_was_shown() {
        let approval = ApprovalId::generate();
        let order = read_button("approve", &format!("{approval} sha256:ab")).unwrap();
        assert!(matches!(order, Order::Decide { digest: Some(digest), .. } if digest == "sha256:ab"));
        assert!(read_button("delete", "x y").is_err());
        assert!(read_button("approve", "nonsense").is_err());
    }

    #[test]
    fn a_typed_decision_about_a_changed_plan_has_to_name_it() {
        let current = "sha256:0123456789abcdef";
        assert_eq!(digest_meant(None, current, 1).as_deref(), Ok(current));
        assert!(
            digest_meant(None, current, 2)
                .unwrap_err()
                .contains("sha256:0123456789ab")
        );
        assert_eq!(
            digest_meant(Some("sha256:01234567"), current, 2).as_deref(),
            Ok(current)
        );
        assert_eq!(
            digest_meant(Some("sha256:ffffffff"), current, 1).as_deref(),
            Ok("sha256:ffffffff")
        );
        assert_eq!(
            digest_meant(Some("sha256:"), current, 1).as_deref(),
            Ok("sha256:"),
            "too short to mean a plan"
        );
    }
}
