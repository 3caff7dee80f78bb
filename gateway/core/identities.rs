//! People by what they have shown to be theirs.

use crate::model::{Id, Tenant, User};

use super::records::{Linked, address_id};
use super::{Core, CoreError};

impl Core {
    /// The people who have shown that an email address is theirs. What a business says of somebody's address shows
    /// nothing.
    pub async fn users_by_email(&self, tenant: &Tenant, email: &str) -> Result<Vec<User>, CoreError> {
        let app = &tenant.app.id;
        let email = email.trim().to_ascii_lowercase();
        let mail = tenant.integrations.iter().filter(|integration| integration.kind == User::MAIL);
        let ids: Vec<String> = mail.map(|integration| address_id(&integration.id, &email)).collect();
        let found = self.store.load_all::<Linked>(app, &ids).await?;
        let mut people: Vec<Id<User>> = found.into_iter().flatten().map(|read| read.value.user).collect();
        people.sort();
        people.dedup();
        let mut users = Vec::new();
        for id in people {
            let user = self.person(app, &id).await?.map(|read| read.value);
            users.extend(user.filter(|user| user.emails().contains(&email.as_str())));
        }
        Ok(users)
    }
}
