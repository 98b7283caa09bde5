/** sshd_config(5) of a container: one user, keys only, no PAM; everything in it exists since OpenSSH 5. */
export function renderSshdConfig(username: string): string {
  return [
    '# Written for this container; the rootfs has no part in it.',
    'HostKey /etc/ssh/ssh_host_ed25519_key',
    'AuthorizedKeysFile .ssh/authorized_keys',
    `AllowUsers ${username}`,
    'PermitRootLogin no',
    'PubkeyAuthentication yes',
    'PasswordAuthentication no',
    'ChallengeResponseAuthentication no',
    'UsePAM no',
    'UseDNS no',
    'PidFile none',
    'PrintMotd no',
    'PrintLastLog no',
    'X11Forwarding no',
    'AcceptEnv LANG LC_*',
    'MaxSessions 100',
    'MaxStartups 100:30:200',
    'ClientAliveInterval 60',
    'ClientAliveCountMax 10',
    'Subsystem sftp internal-sftp',
  ].join('\n');
}
