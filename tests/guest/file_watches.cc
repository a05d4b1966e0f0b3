// inotify(7) watches what the guest's path names; fanotify(7) too where it is allowed.
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>

#include "tests/support/guest_test.h"

int main() {
  EXPECT(mkdir("d", 0700) == 0 && symlink("d", "link") == 0);
  const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  const int directory = inotify_add_watch(watch, (working_directory() + "/link").c_str(),
                                          IN_CREATE | IN_DELETE | IN_MOVED_TO);
  EXPECT(watch >= 0 && directory > 0);
  EXPECT(inotify_add_watch(watch, "d", IN_CREATE | IN_DELETE | IN_MOVED_TO) == directory);
  const int kept = inotify_add_watch(watch, "link", IN_DELETE_SELF | IN_DONT_FOLLOW);
  EXPECT(kept > 0 && kept != directory);
  EXPECT_ERRNO(inotify_add_watch(watch, "absent", IN_CREATE), ENOENT);
  EXPECT_ERRNO(inotify_add_watch(watch, "absent/", IN_ONLYDIR | IN_CREATE), ENOENT);

  EXPECT(make_file("link/new", "text"));
  alignas(inotify_event) char buffer[4096];
  EXPECT(read(watch, buffer, sizeof buffer) > 0);
  const auto* event = reinterpret_cast<inotify_event*>(buffer);
  EXPECT(event->wd == directory && (event->mask & IN_CREATE) &&
         std::strcmp(event->name, "new") == 0);
  EXPECT(unlink("link") == 0 && read(watch, buffer, sizeof buffer) > 0 && event->wd == kept);

  const int group = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY);
  if (group == -1) {
    EXPECT(errno == EPERM || errno == ENOSYS || errno == EINVAL);
    return 0;
  }
  EXPECT(fanotify_mark(group, FAN_MARK_ADD, FAN_MODIFY, AT_FDCWD, "d/new") == 0 ||
         errno == ENODEV || errno == EXDEV || errno == EOPNOTSUPP);
  EXPECT_ERRNO(fanotify_mark(group, FAN_MARK_ADD, FAN_MODIFY, AT_FDCWD, "absent"), ENOENT);
}
