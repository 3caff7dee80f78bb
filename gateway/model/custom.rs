//! Custom integrations: a customer's own software, with webhooks, and keys that open the app for it.

use serde::{Deserialize, Serialize};

use super::{App, Id, Integration, Tenant, Webhook};

/// A custom integration. Its webhooks name it; a webhook that names none is one of its own, by its own id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Custom {
    /// 24 hex digits.
    pub id: Id<Integration>,
    /// Whose it is.
    pub app: Id<App>,
    /// What people call it.
    #[serde(default)]
    pub display_name: Option<String>,
}

impl Webhook {
    /// The custom integration it belongs to.
    pub fn owner(&self) -> Id<Integration> {
        self.integration.clone().unwrap_or_else(|| Id::new(self.id.as_str()))
    }
}

impl Tenant {
    /// The custom integration with this id.
    pub fn custom(&self, id: &Id<Integration>) -> Option<Custom> {
        let made = self.customs.iter().find(|custom| custom.id == *id).cloned();
        made.or_else(|| {
            let first = self.webhooks_of(id).next()?;
            Some(Custom { id: id.clone(), app: self.app.id.clone(), display_name: first.name.clone() })
        })
    }

    /// Every custom integration.
    pub fn all_customs(&self) -> Vec<Custom> {
        let mut ids: Vec<_> = self.customs.iter().map(|custom| custom.id.clone()).collect();
        for owner in self.webhooks.iter().map(Webhook::owner) {
            if !ids.contains(&owner) {
                ids.push(owner);
            }
        }
        ids.iter().filter_map(|id| self.custom(id)).collect()
    }

    /// The webhooks of a custom integration, oldest first.
    pub fn webhooks_of(&self, id: &Id<Integration>) -> impl Iterator<Item = &Webhook> {
        self.webhooks.iter().filter(move |webhook| webhook.owner() == *id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::WebhookVersion;

    fn webhook(id: &str, integration: Option<&str>) -> Webhook {
        Webhook {
            id: Id::new(id),
            app: Id::new("a"),
            target: "https://example.com".into(),
            triggers: BTreeSet::new(),
            secret: "fake-secret".into(),
            version: WebhookVersion::V1,
            include_client: false,
            include_full_user: false,
            integration: integration.map(Id::new),
            name: Some(format!("of {id}")),
            declared: false,
        }
    }

    #[test]
    fn a_webhook_without_an_integration_is_one() {
        let made = Custom { id: Id::new("c"), app: Id::new("a"), display_name: None };
        let tenant = Tenant {
            webhooks: vec![webhook("1", Some("c")), webhook("2", None), webhook("3", Some("2"))],
            customs: vec![made.clone()],
            ..Tenant::new(App::new(Id::new("a"), "Demo"))
        };
        let own = tenant.custom(&Id::new("2")).expect("it is one");
        assert_eq!(own.display_name.as_deref(), Some("of 2"));
        assert_eq!(tenant.all_customs(), [made, own.clone()]);
        let of_own: Vec<&str> = tenant.webhooks_of(&own.id).map(|webhook| webhook.id.as_str()).collect();
        assert_eq!(of_own, ["2", "3"]);
        assert_eq!(tenant.custom(&Id::new("1")), None);
    }
}
