//! The contract in Rust, generated from `wit/`.
//!
//! Each interface has a world of its own, so that a component exports what its policy implements and no more. The
//! encoder adds up the worlds that [`crate::export!`] names.

/// What every plugin has: the host, shared records, and `lifecycle`.
pub mod base {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package sluice:sdk; world base {
            import sluice:policy/host@0.1.0;
            import sluice:policy/types@0.1.0;
            export sluice:policy/lifecycle@0.1.0;
        }",
        // Records for the host are made of slices: nothing is copied to be asked about.
        ownership: Borrowing { duplicate_if_necessary: false },
        additional_derives: [PartialEq],
        generate_all,
        generate_unused_types: true,
        pub_export_macro: true,
        export_macro_name: "export_base",
        default_bindings_module: "sluice_sdk::bindings::base",
    });
}

/// A module with the bindings of one interface, and the macro that exports it.
macro_rules! interface {
    ($name:ident, $world:literal, $export:literal) => {
        pub mod $name {
            wit_bindgen::generate!({
                path: "wit",
                inline: $world,
                with: {
                    "sluice:policy/host@0.1.0": crate::bindings::base::sluice::policy::host,
                    "sluice:policy/types@0.1.0": crate::bindings::base::sluice::policy::types,
                },
                additional_derives: [PartialEq],
                pub_export_macro: true,
                export_macro_name: $export,
            });
        }
    };
}

interface!(
    auth,
    "package sluice:sdk; world auth { import sluice:policy/host@0.1.0; export sluice:policy/auth@0.1.0; }",
    "export_auth"
);
interface!(
    cleanup,
    "package sluice:sdk; world cleanup { import sluice:policy/host@0.1.0; export sluice:policy/cleanup@0.1.0; }",
    "export_cleanup"
);
interface!(
    notify,
    "package sluice:sdk; world notify { import sluice:policy/host@0.1.0; export sluice:policy/notify@0.1.0; }",
    "export_notify"
);
interface!(
    sign,
    "package sluice:sdk; world sign { import sluice:policy/host@0.1.0; export sluice:policy/sign@0.1.0; }",
    "export_sign"
);
interface!(
    vendor,
    "package sluice:sdk; world vendor { import sluice:policy/host@0.1.0; export sluice:policy/vendor@0.1.0; }",
    "export_vendor"
);
