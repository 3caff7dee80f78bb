//! The names a v2 webhook subscribes by.

use std::collections::BTreeSet;

/// Every name a subscription may use. `*` means all of the platform's own; those of notifications are ours, which
/// its clients do not know, so they are told to whom names them alone. `passthrough:messaging` is accepted because
/// callers subscribe to it, though nothing here ever fires it.
pub const TRIGGERS: &[&str] = &[
    "*",
    "client:add",
    "client:remove",
    "client:update",
    "conversation:create",
    "conversation:join",
    "conversation:leave",
    "conversation:message",
    "conversation:message:delivery:channel",
    "conversation:message:delivery:failure",
    "conversation:message:delivery:user",
    "conversation:postback",
    "conversation:read",
    "conversation:referral",
    "conversation:remove",
    "conversation:typing",
    "notification:delivery:channel",
    "notification:delivery:failure",
    "notification:delivery:user",
    "passthrough:messaging",
    "switchboard:acceptControl",
    "switchboard:acceptControl:failure",
    "switchboard:offerControl",
    "switchboard:offerControl:failure",
    "switchboard:passControl",
    "switchboard:passControl:failure",
    "switchboard:releaseControl",
    "user:merge",
    "user:remove",
    "user:update",
];

/// Whether a set of subscribed names covers an event's.
pub fn subscribes(subscribed: &BTreeSet<String>, trigger: &str) -> bool {
    let is_ours = trigger.starts_with("notification:");
    subscribed.contains(trigger) || (!is_ours && subscribed.contains("*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_are_told_to_whom_names_them() {
        let (all, ours) =
            (BTreeSet::from(["*".into()]), BTreeSet::from(["notification:delivery:user".into()]));
        for trigger in &TRIGGERS[1..] {
            assert_eq!(subscribes(&all, trigger), !trigger.starts_with("notification:"), "{trigger}");
            assert_eq!(subscribes(&ours, trigger), *trigger == "notification:delivery:user", "{trigger}");
        }
        assert!(TRIGGERS.is_sorted());
    }
}
