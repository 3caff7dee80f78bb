//! Menus: an app's, and those of integrations, which come before it. They are read from the store when they are needed.

use heliograph_connectors::channel::Menu;
use serde::{Deserialize, Serialize};

use crate::model::{App, Id, Integration};
use crate::store::{Batch, Expect, Record, StoreError};

use super::{Settings, SettingsError};

/// Under what the app's own menu is kept. No integration can be called so.
pub(super) const OF_APP: &str = "app";

/// A menu as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptMenu {
    of: String,
    menu: Menu,
}

impl Record for KeptMenu {
    const KIND: &'static str = "menu";

    fn record_id(&self) -> String {
        self.of.clone()
    }
}

impl Settings {
    /// The menu set for an integration, or for the app itself.
    pub async fn menu(
        &self,
        app: &Id<App>,
        of: Option<&Id<Integration>>,
    ) -> Result<Option<Menu>, SettingsError> {
        Ok(self.kept_menu(app, name(of)).await?)
    }

    /// The menu that an integration shows: its own, else the app's.
    pub async fn menu_shown(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
    ) -> Result<Option<Menu>, StoreError> {
        match self.kept_menu(app, integration.as_str()).await? {
            None => self.kept_menu(app, OF_APP).await,
            own => Ok(own),
        }
    }

    /// Sets a menu, or takes it away. What `also` adds is committed with it.
    pub async fn set_menu(
        &self,
        app: &Id<App>,
        of: Option<&Id<Integration>>,
        menu: Option<Menu>,
        also: &(dyn Fn(&mut Batch) + Sync),
    ) -> Result<(), SettingsError> {
        let mut changes = self.changes().await?;
        let tenant = self.tenant(app).ok_or(SettingsError::NotFound)?;
        if of.is_some_and(|id| tenant.integration(id).is_none()) {
            return Err(SettingsError::NotFound);
        }
        let mut batch = Batch::new(app);
        match menu {
            Some(menu) => {
                let kept = KeptMenu { of: name(of).to_owned(), menu };
                batch.put(KeptMenu::KIND, name(of), &kept, Expect::Anything, None);
            }
            None => batch.delete(KeptMenu::KIND, name(of)),
        }
        also(&mut batch);
        self.write(&mut changes, batch).await?;
        // The snapshot holds no menus: there is nothing to catch up with.
        changes.is_behind = false;
        Ok(())
    }

    async fn kept_menu(&self, app: &Id<App>, of: &str) -> Result<Option<Menu>, StoreError> {
        Ok(self.store.load::<KeptMenu>(app, of).await?.map(|read| read.value.menu))
    }
}

fn name(of: Option<&Id<Integration>>) -> &str {
    of.map_or(OF_APP, |id| id.as_str())
}
