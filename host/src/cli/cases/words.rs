//! The contract's enums by their names in `wit/`, as files of cases write them.

use serde::{Deserialize, Serialize};
use sluice::plugin::{auth, sign, vendor};

/// An enum of `wit/` with the same cases, which serde reads and writes in kebab case.
macro_rules! words {
    ($name:ident = $wit:path { $($case:ident),+ }) => {
        #[derive(Clone, Copy, Debug, Deserialize, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub(super) enum $name {
            $($case),+
        }

        impl From<$name> for $wit {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$case => Self::$case),+
                }
            }
        }

        impl From<$wit> for $name {
            fn from(word: $wit) -> Self {
                use $wit as Wit;
                match word {
                    $(Wit::$case => Self::$case),+
                }
            }
        }
    };
}

words!(NonceState = auth::NonceState { Fresh, Replayed, Stale, Unknown });
words!(Subject = sign::Subject { Api, Play, Publish });
words!(Charset = vendor::Charset { Gb18030, Gb2312, Utf8 });
words!(Owner = vendor::Owner { Channel, Device, Platform });
words!(SsrcChange = vendor::SsrcChange { Follow, Ignore, Refuse });
words!(Transport = vendor::Transport { Configured, TcpActive, TcpPassive, Udp });
