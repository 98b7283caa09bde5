# Before 10-debian-minimal.bash, which leaves the list of package sources as it is when there is one.
export DIB_RELEASE=${DIB_RELEASE:-bookworm}
if [ "$DIB_RELEASE" = bookworm ]; then
    mirror=${DIB_DEBIAN_DISTRIBUTION_MIRROR:-${DIB_DISTRIBUTION_MIRROR:-http://deb.debian.org/debian}}
    security=${DIB_DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
    components=${DIB_DEBIAN_COMPONENTS:-main}
    export DIB_APT_SOURCES_CONF=${DIB_APT_SOURCES_CONF:-"default:deb $mirror bookworm ${components//,/ }
updates:deb $mirror bookworm-updates ${components//,/ }
security:deb $security bookworm-security ${components//,/ }"}
    unset mirror security components
fi
