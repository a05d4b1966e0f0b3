// The storm's operations on files.
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/differential/storm.h"

namespace {

/// What /proc/self/fd/N says, without what differs from run to run.
std::string name_of(int file) {
  char target[4096];
  const ssize_t length =
      readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), target, sizeof target);
  if (length < 0) return strerrorname_np(errno);
  std::string name(target, static_cast<std::size_t>(length));
  if (const std::size_t unnamed = name.find("/#"); unnamed != std::string::npos) {
    return name.substr(0, unnamed) + "/(unnamed)";
  }
  const std::string process = "/proc/" + std::to_string(getpid());
  if (name.starts_with(process)) name.replace(0, process.size(), "/proc/PID");
  return name;
}

std::string octal(unsigned value) {
  char text[16];
  std::snprintf(text, sizeof text, "%o", value);
  return text;
}

void say_status(Storm& storm, const struct stat& status) {
  if (storm.is_root) {
    storm.say(std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid) + " device " +
              std::to_string(status.st_rdev) + " mode " + octal(status.st_mode));
  }
  if (S_ISCHR(status.st_mode)) return storm.say("a device");
  const bool sized = S_ISREG(status.st_mode) || S_ISLNK(status.st_mode);
  storm.say("mode " + octal(status.st_mode) + " size " +
            (sized ? std::to_string(status.st_size) : "-") + " links " +
            (S_ISREG(status.st_mode) ? std::to_string(status.st_nlink) : "-"));
}

/// Reads or writes a little, says what came, and keeps or closes the descriptor.
void use_file(Storm& storm, int file, int flags) {
  char text[17] = "";
  const int mode = flags & O_ACCMODE;
  struct stat status;
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && (flags & O_PATH) == 0) {
    if (mode != O_WRONLY) {
      const ssize_t got = read(file, text, 16);
      storm.report("  read",
                   text[0] == '\177'
                       ? "ELF"
                       : std::string(text, got > 0 ? static_cast<std::size_t>(got) : 0),
                   got);
    }
    if (mode != O_RDONLY) {
      const std::string written = "w" + std::to_string(storm.number) + "\n";
      storm.report("  write", "", write(file, written.data(), written.size()));
    }
  }
  storm.say("is " + shown(name_of(file)));
  if (storm.is_root && fstat(file, &status) == 0 && !S_ISCHR(status.st_mode)) {
    say_status(storm, status);
  }
  int& slot = storm.files[storm.random.below(storm.files.size())];
  // A fake device is opened as the host's own: it is not kept to be changed.
  const bool is_device = storm.is_root && fstat(file, &status) == 0 && S_ISCHR(status.st_mode);
  if (storm.random.below(3) == 0 && !is_device) std::swap(slot, file);
  if (file >= 0) close(file);
}

constexpr std::array<int, 14> kOpenFlags = {
    O_RDONLY,
    O_RDONLY,
    O_RDONLY | O_DIRECTORY,
    O_PATH,
    O_PATH | O_NOFOLLOW,
    O_PATH | O_DIRECTORY,
    O_RDONLY | O_NOFOLLOW,
    O_WRONLY,
    O_RDWR | O_CREAT,
    O_WRONLY | O_CREAT | O_EXCL,
    O_WRONLY | O_TRUNC,
    O_RDWR | O_CREAT | O_TRUNC,
    O_RDONLY | O_CREAT,
    O_RDWR | O_TMPFILE,
};

}  // namespace

void open_file(Storm& storm) {
  const int flags = storm.random.of(kOpenFlags) | O_CLOEXEC | O_NONBLOCK;
  const int base = storm.base();
  const std::string path = storm.path();
  const int file = openat(base, path.c_str(), flags, 0644);
  storm.report("open", storm.at_base() + shown(path) + " " + octal(static_cast<unsigned>(flags)),
               file < 0 ? -1 : 0);
  if (file >= 0) use_file(storm, file, flags);
}

void open_with_how(Storm& storm) {
  static constexpr std::array<unsigned long long, 8> kResolve = {
      0,
      RESOLVE_BENEATH,
      RESOLVE_IN_ROOT,
      RESOLVE_NO_SYMLINKS,
      RESOLVE_NO_MAGICLINKS,
      RESOLVE_NO_XDEV,
      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
      RESOLVE_IN_ROOT | RESOLVE_NO_XDEV,
  };
  open_how how{};
  const int flags =
      storm.random.of(kOpenFlags) | O_CLOEXEC | (storm.random.one_in(2) ? O_NONBLOCK : 0);
  how.flags =
      static_cast<unsigned long long>(flags & O_PATH ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
  how.mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? 0644 : 0;
  how.resolve = storm.random.of(kResolve);
  const int base = storm.base();
  const std::string path = storm.path();
  const long file = syscall(SYS_openat2, base, path.c_str(), &how, sizeof how);
  storm.report("openat2",
               storm.at_base() + shown(path) + " " + octal(static_cast<unsigned>(how.flags)) +
                   " resolve " + std::to_string(how.resolve),
               file < 0 ? -1 : 0);
  if (file >= 0) use_file(storm, static_cast<int>(file), flags);
}

void make_entry(Storm& storm) {
  const int base = storm.base();
  const std::string path = storm.path();
  const std::string arguments = storm.at_base() + shown(path);
  switch (storm.random.below(6)) {
    case 0:
      storm.report("mkfifo", arguments, mknodat(base, path.c_str(), S_IFIFO | 0644, 0));
      break;
    case 1:
      storm.report("mknod", arguments, mknodat(base, path.c_str(), S_IFREG | 0644, 0));
      break;
    case 2:
    case 3: {
      const std::string target = storm.path();
      storm.report("symlink", shown(target) + " " + arguments,
                   symlinkat(target.c_str(), base, path.c_str()));
      break;
    }
    default:
      storm.report("mkdir", arguments, mkdirat(base, path.c_str(), 0755));
  }
}

void remove_entry(Storm& storm) {
  const int base = storm.base();
  const std::string path = storm.path();
  const int flags = storm.random.one_in(2) ? AT_REMOVEDIR : 0;
  storm.report(flags ? "rmdir" : "unlink", storm.at_base() + shown(path),
               unlinkat(base, path.c_str(), flags));
}

void rename_entry(Storm& storm) {
  static constexpr std::array<unsigned, 5> kFlags = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
  const int from_base = storm.base();
  const std::string from = storm.path();
  std::string arguments = storm.at_base() + shown(from);
  const int to_base = storm.base();
  const std::string to = storm.path();
  const unsigned flags = storm.random.of(kFlags);
  arguments += " " + storm.at_base() + shown(to) + " " + std::to_string(flags);
  storm.report("rename", arguments, renameat2(from_base, from.c_str(), to_base, to.c_str(), flags));
}

void link_entry(Storm& storm) {
  const int from_base = storm.base();
  const std::string from = storm.path();
  std::string arguments = storm.at_base() + shown(from);
  const int to_base = storm.base();
  const std::string to = storm.path();
  const int flags = storm.random.one_in(2) ? AT_SYMLINK_FOLLOW : 0;
  arguments += " " + storm.at_base() + shown(to) + (flags ? " follow" : "");
  storm.report("link", arguments, linkat(from_base, from.c_str(), to_base, to.c_str(), flags));
}

void ask_status(Storm& storm) {
  const int base = storm.base();
  const std::string path = storm.path();
  const std::string arguments = storm.at_base() + shown(path);
  struct stat status;
  switch (storm.random.below(6)) {
    case 0:
      storm.report("access", arguments, faccessat(base, path.c_str(), W_OK, 0));
      break;
    case 1: {
      struct statx extended;
      const long result = statx(base, path.c_str(), 0, STATX_BASIC_STATS, &extended);
      storm.report("statx", arguments, result);
      if (result != 0) break;
      storm.say("mode " + octal(extended.stx_mode));
      if (storm.is_root) {
        storm.say(std::to_string(extended.stx_uid) + ":" + std::to_string(extended.stx_gid) +
                  " device " + std::to_string(extended.stx_rdev_major) + "," +
                  std::to_string(extended.stx_rdev_minor));
      }
      break;
    }
    case 2: {
      struct statfs file_system;
      storm.report("statfs", shown(path), statfs(path.c_str(), &file_system));
      break;
    }
    default: {
      const int flags = storm.random.one_in(2) ? AT_SYMLINK_NOFOLLOW : 0;
      const long result = fstatat(base, path.c_str(), &status, flags);
      storm.report(flags ? "lstat" : "stat", arguments, result);
      if (result == 0) say_status(storm, status);
    }
  }
}

void read_link(Storm& storm) {
  char target[4096];
  const int base = storm.base();
  const std::string path = storm.path();
  const ssize_t length =
      readlinkat(base, path.c_str(), target, storm.random.one_in(5) ? 5 : sizeof target);
  const std::string arguments = storm.at_base() + shown(path);
  if (path.starts_with("/proc/")) {  // may name the process
    storm.report("readlink", arguments, length < 0 ? -1 : 0);
    return;
  }
  storm.report("readlink", arguments, length);
  if (length > 0) storm.say(shown(std::string(target, static_cast<std::size_t>(length))));
}

void change_file(Storm& storm) {
  static constexpr std::array<mode_t, 8> kModes = {0755, 0755, 0644, 0700, 0600, 0555, 0444, 0000};
  const int base = storm.base();
  const std::string path = storm.path();
  const std::string arguments = storm.at_base() + shown(path);
  const mode_t mode = storm.random.of(kModes);
  const timespec times[2] = {{1000, 0}, {2000, 0}};
  switch (storm.random.below(5)) {
    case 0:
      storm.report("chmod", arguments + " " + octal(mode), fchmodat(base, path.c_str(), mode, 0));
      break;
    case 1:
      storm.report("truncate", shown(path),
                   truncate(path.c_str(), static_cast<off_t>(storm.random.below(20))));
      break;
    case 2:
      storm.report("utimensat", arguments,
                   utimensat(base, path.c_str(), times, AT_SYMLINK_NOFOLLOW));
      break;
    case 3:
      storm.report("chown", arguments, fchownat(base, path.c_str(), getuid(), getgid(), 0));
      break;
    default: {
      int& slot = storm.files[storm.random.below(storm.files.size())];
      storm.report("fchmod", octal(mode | 0600), fchmod(slot, mode | 0600));
    }
  }
}

void use_attributes(Storm& storm) {
  char value[64];
  const std::string path = storm.path();
  switch (storm.random.below(4)) {
    case 0:
      storm.report("setxattr", shown(path), setxattr(path.c_str(), "user.storm", "value", 5, 0));
      break;
    case 1:
      storm.report("removexattr", shown(path), removexattr(path.c_str(), "user.storm"));
      break;
    case 2:
      storm.report("lgetxattr", shown(path),
                   lgetxattr(path.c_str(), "user.storm", value, sizeof value));
      break;
    default:
      storm.report("getxattr", shown(path),
                   getxattr(path.c_str(), "user.storm", value, sizeof value));
  }
}
