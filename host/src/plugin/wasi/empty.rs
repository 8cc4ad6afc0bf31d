//! What "nothing" is, by type.

use wasmtime::{
    StoreContextMut,
    component::{Resource, ResourceType, Type, Val},
};

use super::super::host::State;

/// Whatever a handle of WASI stands for. There is nothing behind it.
struct Nothing;

/// The type of every resource of WASI.
pub(super) fn handle_type() -> ResourceType {
    ResourceType::host::<Nothing>()
}

/// A handle for the guest; `number` comes back in [`take_handles`].
pub(super) fn handle(store: &mut StoreContextMut<'_, State>, number: u32) -> wasmtime::Result<Val> {
    Ok(Val::Resource(Resource::<Nothing>::new_own(number).try_into_resource_any(store)?))
}

/// The numbers of the handles among `arguments`, in their order.
pub(super) fn take_handles(
    store: &mut StoreContextMut<'_, State>,
    arguments: &[Val],
) -> wasmtime::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for argument in arguments {
        match argument {
            Val::Resource(handle) => numbers.push(handle.try_into_resource::<Nothing>(&mut *store)?.rep()),
            Val::List(items) if matches!(items.first(), Some(Val::Resource(_))) => {
                numbers.extend(take_handles(store, items)?);
            }
            Val::Option(Some(item)) => numbers.extend(take_handles(store, std::slice::from_ref(item))?),
            _ => {}
        }
    }
    Ok(numbers)
}

/// An answer that says that there is nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Empty {
    /// It is the same each time; none where the function returns nothing.
    Always(Option<Val>),
    /// A new handle to nothing.
    Handle,
}

impl Empty {
    /// None when no value of this type means "nothing".
    pub(super) fn of_results(mut results: impl ExactSizeIterator<Item = Type>) -> Option<Self> {
        match (results.next()?, results.next()) {
            (Type::Own(_), None) => Some(Self::Handle),
            (Type::List(_), None) => Some(Self::Always(Some(Val::List(vec![])))),
            (Type::Option(_), None) => Some(Self::Always(Some(Val::Option(None)))),
            (Type::Result(result), None) => {
                let error = match result.err() {
                    Some(kind) => Some(Box::new(refusal(&kind)?)),
                    None => None,
                };
                Some(Self::Always(Some(Val::Result(Err(error)))))
            }
            _ => None,
        }
    }

    pub(super) fn write(
        &self,
        store: &mut StoreContextMut<'_, State>,
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let answer = match self {
            Self::Always(answer) => answer.clone(),
            Self::Handle => Some(handle(store, 0)?),
        };
        results.iter_mut().zip(answer).for_each(|(result, answer)| *result = answer);
        Ok(())
    }
}

/// The error of this type that says best that a thing is not there for the guest.
fn refusal(kind: &Type) -> Option<Val> {
    const BEST: [&str; 4] = ["closed", "access-denied", "access", "HTTP-request-denied"];
    let chosen = |names: Vec<&str>| {
        let best = BEST.iter().find(|best| names.contains(best));
        best.or_else(|| names.first()).map(|name| (*name).to_owned())
    };
    match kind {
        Type::Enum(kind) => chosen(kind.names().collect()).map(Val::Enum),
        Type::Variant(kind) => {
            let plain = kind.cases().filter(|case| case.ty.is_none()).map(|case| case.name);
            chosen(plain.collect()).map(|name| Val::Variant(name, None))
        }
        Type::Option(_) => Some(Val::Option(None)),
        _ => None,
    }
}
