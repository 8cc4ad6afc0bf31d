//! User and channel devices: issued, changed and withdrawn by callers.

use crate::gb28181::{DeviceId, StreamId};
use crate::plugin::Credential;
use crate::store::{Channel, NewChannel, NewUser, Password};

use super::view::UserDevice;
use super::{Error, Gateway};

impl Gateway {
    /// Issues a user device, which may register from now on.
    ///
    /// # Errors
    /// When the password is empty, or the store does not take it.
    pub async fn create_user(&self, name: Option<String>, pwd: String) -> Result<UserDevice, Error> {
        password(&pwd)?;
        let platform = &self.0.config.platform;
        let new = NewUser {
            prefix: platform.user_prefix.clone(),
            name,
            pwd: Password(pwd.clone()),
            region: platform.region.clone(),
        };
        let row = self.0.store.create_user(new).await?;
        self.0.registry.know(device(&row.deviceid)?, Credential::new(pwd));
        self.shown(&row).await
    }

    /// Changes name and password of a user device, each only where given.
    ///
    /// # Errors
    /// When the device is unknown, the password is empty, or the store does not take it.
    pub async fn update_user(
        &self,
        id: &str,
        name: Option<String>,
        pwd: Option<String>,
    ) -> Result<UserDevice, Error> {
        if let Some(pwd) = &pwd {
            password(pwd)?;
        }
        self.known(id).await?;
        let row = self.0.store.update_user(id, name, pwd.clone().map(Password)).await?;
        if let Some(pwd) = pwd {
            self.0.registry.know(device(id)?, Credential::new(pwd));
            self.lift_bans(Some(id), None)?;
        }
        self.shown(&row).await
    }

    /// Withdraws a user device with its channels. Its streams are stopped first.
    ///
    /// # Errors
    /// When the device is unknown, or the store does not take it.
    pub async fn delete_user(&self, id: &str) -> Result<(), Error> {
        self.known(id).await?;
        let device = device(id)?;
        self.close_all(self.0.streams.of_device(&device), "its device is deleted").await?;
        if !self.0.store.delete_user(id).await? {
            return Err(Error::UnknownDevice(id.to_owned()));
        }
        self.0.registry.forget(&device);
        // A call may have come in between.
        self.close_all(self.0.streams.of_device(&device), "its device is deleted").await
    }

    /// Issues a channel device under a user device.
    ///
    /// # Errors
    /// When the user device is unknown, or the store does not take it.
    pub async fn create_channel(&self, user: &str) -> Result<Channel, Error> {
        self.known(user).await?;
        let prefix = self.0.config.platform.channel_prefix.clone();
        Ok(self.0.store.create_channel(NewChannel { user: user.to_owned(), prefix }).await?)
    }

    /// Withdraws a channel device. Its streams are stopped first.
    ///
    /// # Errors
    /// When the channel is unknown, or the store does not take it.
    pub async fn delete_channel(&self, id: &str) -> Result<(), Error> {
        let unknown = || Error::UnknownDevice(id.to_owned());
        let channel = DeviceId::parse(id).map_err(|_| unknown())?;
        self.0.store.channel(id).await?.ok_or_else(unknown)?;
        self.close_all(self.0.streams.of_channel(&channel), "its channel is deleted").await?;
        if !self.0.store.delete_channel(id).await? {
            return Err(unknown());
        }
        // A call may have come in between.
        self.close_all(self.0.streams.of_channel(&channel), "its channel is deleted").await
    }

    async fn known(&self, id: &str) -> Result<(), Error> {
        let row = self.0.store.user(id).await?;
        row.map(drop).ok_or_else(|| Error::UnknownDevice(id.to_owned()))
    }

    /// Ends streams even if the caller hangs up meanwhile.
    async fn close_all(&self, streams: Vec<StreamId>, why: &'static str) -> Result<(), Error> {
        let gateway = self.clone();
        let closing = self.in_own_task(async move {
            for id in streams {
                gateway.close(id, why).await;
            }
        });
        closing.await.map_err(|error| Error::Internal(error.to_string()))
    }
}

fn password(pwd: &str) -> Result<(), Error> {
    if pwd.is_empty() { Err(Error::BadParameter("pwd is empty".to_owned())) } else { Ok(()) }
}

fn device(id: &str) -> Result<DeviceId, Error> {
    DeviceId::parse(id).map_err(|_| Error::UnknownDevice(id.to_owned()))
}
