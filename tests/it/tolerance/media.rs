//! Answers to INVITE as devices write them: the picture comes, and goes when it is stopped.

use sluice_tests::device::{Behaviour, ContactLine, SdpForm, SsrcLine};
use sluice_tests::site::Site;

use crate::live_steps::{flows, over, play, received, stop};

type Answer = (&'static str, fn(&mut Behaviour));

const ANSWERS: [Answer; 9] = [
    ("attributes before rtpmap, f= before y= (#481)", |device| device.sdp_form = SdpForm::Reversed),
    ("o= names another address than c= (7c019dbee)", |device| device.sdp_form = SdpForm::ForeignOrigin),
    ("c= where nobody is, as behind a NAT (#1860)", |device| device.sdp_form = SdpForm::ForeignAddress),
    ("no Contact (1a746f288)", |device| device.contact = ContactLine::Omit),
    ("a Contact behind a NAT (4ca7307ee)", |device| device.contact = ContactLine::Private),
    ("other answers first (Dahua)", |device| device.provisional = vec![101, 180, 183]),
    ("y= beyond 31 bits (91e49745e)", |device| {
        device.ssrc_line = SsrcLine::Other("4294967295".to_owned());
        device.rtp_ssrc = Some(u32::MAX);
    }),
    ("y= of six digits and blanks (617c40731)", |device| {
        device.ssrc_line = SsrcLine::Other(" 630886  ".to_owned());
        device.rtp_ssrc = Some(630_886);
    }),
    ("y= that is no number", |device| device.ssrc_line = SsrcLine::Other("0BEBC201".to_owned())),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_played_however_the_device_answers() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| settings.rtp_ports = "each").await?;
    plays(&site, &ANSWERS).await
}

/// Here the media server connects to where the answer says, so that it has to be read right.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_connected_to_however_it_answers() -> anyhow::Result<()> {
    let site = Site::start_with(|settings| {
        settings.rtp_ports = "each";
        settings.rtp_transport = "tcp-active";
    });
    plays(&site.await?, &ANSWERS).await
}

async fn plays(site: &Site, answers: &[Answer]) -> anyhow::Result<()> {
    // In this server's hurry it would not wait for another SSRC as long as a real one does.
    site.zlm.configure("rtp_proxy.timeoutSec", "300");
    for (story, change) in answers {
        let (issued, device) = site.online(1, |config| config.speed = 20).await?;
        device.behave(change);
        let played = async {
            let stream = play(site, &issued).await?;
            flows(site, &stream, 20).await?;
            assert_eq!(stop(site, &stream).await?, "");
            over(site, &device, &stream).await
        };
        played.await.map_err(|error: anyhow::Error| error.context(*story))?;
        assert_eq!((received(&device, "ACK").len(), received(&device, "BYE").len()), (1, 1), "{story}");
    }
    Ok(())
}
