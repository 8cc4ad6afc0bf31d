//! The operator's word on a device, which comes before what modules claim: by the API, by its id in the
//! configuration, by its manufacturer there.

use serde::Serialize;
use utoipa::ToSchema;

use crate::config;
use crate::store::User;

/// Stands in an order for no module: the device is spoken to as the standard says.
pub(super) const STANDARD: &str = "standard";

/// An order for one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// A module's name, or [`STANDARD`].
    pub(super) module: String,
    pub(super) by: By,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// `PUT /devices/{id}/vendor`.
    Api,
    /// `[vendor.device]`.
    Device,
    /// `[vendor.manufacturer]`.
    Manufacturer,
}

impl Order {
    /// The order that holds for a device, if there is one.
    pub(super) fn of(row: &User, config: &config::Vendor) -> Option<Self> {
        let api = (!row.vendor.is_empty()).then_some(&row.vendor);
        let device = || config.device.get(&row.deviceid);
        let manufacturer = || {
            let mut named = config.manufacturer.iter();
            named.find(|(name, _)| name.trim().eq_ignore_ascii_case(row.manufacturer.trim()))
        };
        let order = |module: &String, by| Self { module: module.clone(), by };
        api.map(|module| order(module, By::Api))
            .or_else(|| device().map(|module| order(module, By::Device)))
            .or_else(|| manufacturer().map(|(_, module)| order(module, By::Manufacturer)))
    }
}
