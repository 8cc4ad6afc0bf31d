//! Which vendor module a device belongs to.

use axum::extract::State;

use crate::{
    gateway::{Gateway, VendorShown},
    http::{
        reply::{Data, Envelope, Failure},
        request::{Id, Query},
    },
};

/// Which vendor module a device belongs to, how sure that is, why, and how the device is spoken to.
#[utoipa::path(get, path = "/devices/{id}/vendor", operation_id = "vendor", tag = "vendors",
    params(("id" = String, Path, description = "The user device's id, or that of one of its channels.")),
    responses((status = 200, description = "What the modules say.", body = Envelope<VendorShown>), Failure))]
pub(in crate::http) async fn show(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<VendorShown>, Failure> {
    Ok(Data(gateway.vendor(&id).await?))
}

/// Gives a device to a vendor module, whatever the modules claim, until that is taken back.
#[utoipa::path(put, path = "/devices/{id}/vendor", operation_id = "choose_vendor", tag = "vendors",
    params(
        ("id" = String, Path, description = "The user device's id, or that of one of its channels."),
        ("module" = String, Query, description = "A module's name; `standard` for none."),
    ),
    responses((status = 200, description = "What follows.", body = Envelope<VendorShown>), Failure))]
pub(in crate::http) async fn choose(
    State(gateway): State<Gateway>,
    Id(id): Id,
    query: Query,
) -> Result<Data<VendorShown>, Failure> {
    Ok(Data(gateway.choose_vendor(&id, &query.needed("module")?).await?))
}

/// Leaves a device to the modules' claims and the configuration again.
#[utoipa::path(delete, path = "/devices/{id}/vendor", operation_id = "release_vendor", tag = "vendors",
    params(("id" = String, Path, description = "The user device's id, or that of one of its channels.")),
    responses((status = 200, description = "What follows.", body = Envelope<VendorShown>), Failure))]
pub(in crate::http) async fn release(
    State(gateway): State<Gateway>,
    Id(id): Id,
) -> Result<Data<VendorShown>, Failure> {
    Ok(Data(gateway.release_vendor(&id).await?))
}
