export DISTRO_NAME=host
export DIB_INIT_SYSTEM=sysv
