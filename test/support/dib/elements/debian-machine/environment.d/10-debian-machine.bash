export DISTRO_NAME=machine
export DIB_INIT_SYSTEM=systemd
