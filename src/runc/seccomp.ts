/**
 * The system calls that a job may use. Everything else fails with EPERM, as if the permission was missing; calls that
 * programs try first and replace when the kernel is too old (clone3) fail with ENOSYS, so that they do.
 *
 * Left out on purpose: changing namespaces, mounts, modules, clocks, swap, quotas and accounting; keyrings, BPF,
 * performance events, userfaultfd, io_uring, opening files by handle, and looking into other kernels' affairs. A container
 * shares the kernel with its hypervisor, and these are where it breaks.
 */
const ALLOWED: Readonly<Record<string, string>> = {
  files: `access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
    ftruncate64 futimesat getcwd getdents getdents64 getxattr ioctl lchown lchown32 lgetxattr link linkat listxattr
    llistxattr lremovexattr lseek _llseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat newfstatat open openat
    openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr rename
    renameat renameat2 rmdir sendfile sendfile64 setxattr splice stat stat64 statfs statfs64 statx symlink symlinkat sync
    sync_file_range sync_file_range2 arm_sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime
    utimensat utimensat_time64 utimes vmsplice write writev cachestat getxattrat setxattrat listxattrat removexattrat`,
  waiting: `epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
    io_pgetevents io_pgetevents_time64 io_setup io_submit poll ppoll ppoll_time64 pselect6 pselect6_time64 select
    _newselect signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,
  memory: `brk madvise process_madvise memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap msync
    munlock munlockall munmap mseal map_shadow_stack membarrier pkey_alloc pkey_free pkey_mprotect remap_file_pages
    get_mempolicy set_mempolicy mbind set_mempolicy_home_node migrate_pages process_mrelease`,
  processes: `alarm arch_prctl capget capset execve execveat exit exit_group fork getitimer getpgid getpgrp getpid getppid
    getpriority getrlimit ugetrlimit getrusage getsid gettid kill nanosleep clock_nanosleep clock_nanosleep_time64 pause
    pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq sched_getaffinity sched_getattr sched_getparam
    sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp setitimer setpgid setpriority
    setrlimit setsid set_robust_list get_robust_list set_thread_area get_thread_area set_tid_address tgkill tkill times
    uname vfork wait4 waitid waitpid ioprio_get ioprio_set getcpu sysinfo landlock_create_ruleset landlock_add_rule
    landlock_restrict_self chroot set_tls breakpoint cacheflush modify_ldt sigaltstack signal sigaction
    sigpending sigprocmask sigreturn sigsuspend rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
    rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo riscv_flush_icache riscv_hwprobe
    s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr swapcontext switch_endian sys_debug_setcontext`,
  identity: `getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32 getresuid
    getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid
    setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  network: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  talking: `futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue ipc mq_getsetattr mq_notify mq_open
    mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd pipe
    pipe2 semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  time: `clock_getres clock_getres_time64 clock_gettime clock_gettime64 getrandom gettimeofday time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64`,
  debugging: 'ptrace process_vm_readv process_vm_writev kcmp',
};

/** Kernel ABI names of `uname -m`, with the 32-bit companions that the same kernel runs. */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x86_64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  aarch64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
  ppc64le: ['SCMP_ARCH_PPC64LE'],
  s390x: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'],
  riscv64: ['SCMP_ARCH_RISCV64'],
};

/** Flags of clone(2) that make namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NEW_NAMESPACES = 0x7e020000;
/** Address families that reach the machine below (AF_VSOCK) or rarely tested kernel code (AF_ALG). */
const AF_ALG = 38;
const AF_VSOCK = 40;
const ENOSYS = 38;
const EPERM = 1;

/** Values of personality(2) that change nothing dangerous: Linux, 32-bit, and the same with addresses not randomised. */
const PERSONALITIES = [0, 0x8, 0x20000, 0x20008, 0xffffffff, 0x40000];

/** The `linux.seccomp` section for a hypervisor of this architecture (`uname -m`); undefined for an unknown one. */
export function seccompProfile(architecture: string): object | undefined {
  const architectures = ARCHITECTURES[architecture];
  if (architectures === undefined) return undefined;
  const allow = (names: string[], ...args: object[]) => ({ names, action: 'SCMP_ACT_ALLOW', args });
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures,
    syscalls: [
      { names: Object.values(ALLOWED).flatMap(words), action: 'SCMP_ACT_ALLOW' },
      allow(['clone'], cloneWithoutNamespaces(architecture)),
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      allow(['socket'], { index: 0, value: AF_ALG, op: 'SCMP_CMP_LT' }),
      allow(['socket'], { index: 0, value: AF_ALG + 1, op: 'SCMP_CMP_EQ' }),
      allow(['socket'], { index: 0, value: AF_VSOCK, op: 'SCMP_CMP_GT' }),
      ...PERSONALITIES.map((value) => allow(['personality'], { index: 0, value, op: 'SCMP_CMP_EQ' })),
    ],
  };
}

/** On s390x the flags are the second argument. */
function cloneWithoutNamespaces(architecture: string): object {
  const index = architecture === 's390x' ? 1 : 0;
  return { index, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' };
}

function words(text: string): string[] {
  return text.split(/\s+/);
}
