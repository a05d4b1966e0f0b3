// A guest may supervise another by seccomp's user notification.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/support/filter.h"

int main() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {4, program};
  EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  const long listener =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
  if (listener == -1 && (errno == EINVAL || errno == EBUSY)) SKIP("no user notification");
  EXPECT(listener >= 0);
  const pid_t child = fork();
  if (child == 0) _exit(syscall(SYS_getpgid, 0) == 123 && mkdir("made", 0700) == 0 ? 0 : 1);
  seccomp_notif request{};
  EXPECT(ioctl(static_cast<int>(listener), SECCOMP_IOCTL_NOTIF_RECV, &request) == 0);
  EXPECT(request.data.nr == SYS_getpgid && request.pid == static_cast<unsigned>(child));
  seccomp_notif_resp answer{request.id, 123, 0, 0};
  EXPECT(ioctl(static_cast<int>(listener), SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0);
  int status;
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 0));
}
