// Every path argument of the syscall table against the running kernel: given a dangling link, does
// the kernel follow it exactly where the table says?  With and without a trailing slash, relative,
// relative to a descriptor and absolute, with each flag that has a say.
//
// An argument counts only if the call reaches its lookup at all: "file/x" must be ENOTDIR.  The
// others (no privilege, no such call) are skipped.
#include <algorithm>
#include <array>
#include <cstdint>
#include <fcntl.h>
#include <linux/fanotify.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <vector>

#include "arch/abi.h"
#include "arch/syscall_table.h"
#include "tests/support/guest_test.h"

namespace nestp {
namespace {

using Args = std::array<std::uint64_t, 6>;

/// What arguments point to.
struct Memory {
  alignas(16) char first[4096];
  alignas(16) char second[4096];
  std::uint64_t how[3];  ///< struct open_how

  static std::uint64_t address(const void* object) {
    return reinterpret_cast<std::uintptr_t>(object);
  }
  template <typename Value>
  void put(std::size_t offset, Value value) {
    std::memcpy(first + offset, &value, sizeof value);
  }
};
Memory memory;

/// How a path is written down.
struct Form {
  bool absolute;
  bool by_descriptor;
  bool slash;
};

struct Call {
  const SyscallRow* row;
  std::uint8_t tested;  ///< place of the path that is tried
  std::uint64_t flags;
  Form form;
};

std::string top;
int directory_fd = -1;

std::uint64_t text_address(const std::string& text) {
  static std::array<std::string, 6> kept;
  static std::size_t next = 0;
  std::string& place = kept[next++ % kept.size()];
  place = text;
  return Memory::address(place.c_str());
}

/// Files as every try finds them.
void reset_tree() {
  for (const char* name : {"dangling", "nowhere", "fresh", "file", "other"})
    unlink(name);
  for (const char* name : {"nowhere", "fresh", "directory"})
    rmdir(name);
  if (symlink("nowhere", "dangling") != 0) std::perror("symlink");
  for (const char* name : {"file", "other"})
    close(open(name, O_CREAT | O_WRONLY, 0600));
  mkdir("directory", 0700);
}

/// A path that lets the call come to the other one.
const char* companion(const SyscallRow& row, std::size_t place) {
  if (row.sys == Sys::pivot_root || row.sys == Sys::move_mount) return "directory";
  const bool makes = row.args[place] == ArgKind::new_entry;
  const bool second = place > 1 || row.args[0] != ArgKind::dirfd;
  return makes || (row.args[place] == ArgKind::entry && second && place > 0) ? "fresh" : "other";
}

std::uint64_t argument(const Call& call, std::size_t place, const std::string& path) {
  switch (const ArgKind kind = call.row->args[place]; kind) {
    case ArgKind::dirfd:
      return static_cast<std::uint64_t>(call.form.by_descriptor ? directory_fd : AT_FDCWD);
    case ArgKind::path:
    case ArgKind::name:
    case ArgKind::entry:
    case ArgKind::new_entry:
      return text_address(place == call.tested ? path : companion(*call.row, place));
    case ArgKind::target:
      return text_address("text");
    case ArgKind::path_out:
      return Memory::address(memory.second);
    case ArgKind::open_how:
      return Memory::address(memory.how);
    case ArgKind::size:
      return 64;
    default:
      return detail::rule_for(kind) != nullptr || detail::opens(kind) ? call.flags : 0;
  }
}

/// Values that are addresses or descriptors, where 0 would fail before the lookup.
void fill_values(const Call& call, Args& args) {
  const std::uint64_t first = Memory::address(memory.first);
  const std::uint64_t second = Memory::address(memory.second);
  const std::uint64_t attribute = text_address("user.x");
  switch (call.row->sys) {
    case Sys::inotify_add_watch:
      args[0] = static_cast<std::uint64_t>(inotify_init1(IN_CLOEXEC));
      args[2] |= IN_OPEN;
      break;
    case Sys::fanotify_mark:
      args[0] = static_cast<std::uint64_t>(fanotify_init(FAN_REPORT_FID | FAN_CLOEXEC, O_RDONLY));
      args[1] |= FAN_MARK_ADD;
      args[2] = FAN_OPEN;
      break;
    case Sys::name_to_handle_at:
      memory.put(0, std::uint32_t{128});  // bytes of the handle
      args[2] = first;
      args[3] = second;
      break;
    case Sys::stat:
    case Sys::lstat:
    case Sys::statfs:
    case Sys::statfs64:
      args[1] = first;
      break;
    case Sys::newfstatat:
      args[2] = first;
      break;
    case Sys::statx:
      args[3] = 1;
      args[4] = first;
      break;
    case Sys::file_getattr:
    case Sys::file_setattr:
      args[2] = first;
      args[3] = 24;
      break;
    case Sys::getxattr:
    case Sys::lgetxattr:
    case Sys::setxattr:
    case Sys::lsetxattr:
    case Sys::removexattr:
    case Sys::lremovexattr:
      args[1] = attribute;
      args[2] = second;
      args[3] = 1;
      args[4] = 0;
      break;
    case Sys::removexattrat:
      args[3] = attribute;
      break;
    case Sys::getxattrat:
    case Sys::setxattrat:  // struct xattr_args: address of the value, its size, flags
      memory.put(0, second);
      memory.put(8, std::uint32_t{1});
      args[3] = attribute;
      args[4] = first;
      args[5] = 16;
      break;
    case Sys::listxattr:
    case Sys::llistxattr:
      args[1] = first;
      break;
    case Sys::listxattrat:
      args[3] = first;
      break;
    case Sys::mount_setattr:
    case Sys::open_tree_attr:
      memory.put(0, std::uint64_t{1});  // MOUNT_ATTR_RDONLY
      args[3] = first;
      args[4] = 32;
      break;
    case Sys::mount:
      args[0] = args[2] = text_address("no such type");
      break;
    case Sys::openat2:
      args[3] = sizeof memory.how;
      break;
    case Sys::quotactl:
      args[0] = 0x80000700;  // Q_GETQUOTA of users
      args[3] = first;
      break;
    default:
      break;
  }
}

/// Makes the call for real; its errno, or 0.
int perform(const Call& call, const std::string& name, Args& args) {
  std::memset(&memory, 0, sizeof memory);
  std::string path = call.form.absolute ? top + '/' + name : name;
  if (call.form.slash) path += '/';
  for (std::size_t i = 0; i < args.size(); ++i)
    args[i] = argument(call, i, path);
  memory.how[0] = call.flags;
  memory.how[1] = call.flags & O_CREAT ? 0600 : 0;
  fill_values(call, args);
  const long number = number_of(*host_abis()[0], call.row->sys);
  const long result = syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
  const int error = result < 0 ? errno : 0;
  const Sys sys = call.row->sys;
  if (sys == Sys::inotify_add_watch || sys == Sys::fanotify_mark) close(static_cast<int>(args[0]));
  if (result > directory_fd) close(static_cast<int>(result));
  return error;
}

enum class Verdict { right, wrong, skipped };

Verdict try_call(const Call& call) {
  reset_tree();
  Args args{};
  const int through_file = perform(call, "file/x", args);
  if (through_file != ENOTDIR) return Verdict::skipped;

  reset_tree();
  const int error = perform(call, "dangling", args);
  const bool followed = error == ENOENT || access("nowhere", F_OK) == 0;
  const PathArgs paths = path_args(*host_abis()[0], *call.row, args, memory.how[0]);
  const bool second = paths.count == 2 && paths.list[1].index == call.tested;
  const LastComponent last = last_component(paths.list[second], call.form.slash ? "/" : "");
  const bool follows =
      last == LastComponent::follow || (last == LastComponent::keep && call.form.slash);
  if (followed == follows) return Verdict::right;
  dprintf(2, "%s, argument %d, flags %#llx, %s%s%s: the kernel %s the link (%s)\n",
          std::string(name_of(call.row->sys)).c_str(), call.tested,
          static_cast<unsigned long long>(call.flags), call.form.absolute ? "absolute" : "relative",
          call.form.by_descriptor ? ", by descriptor" : "",
          call.form.slash ? ", trailing slash" : "", followed ? "follows" : "does not follow",
          std::strerror(error));
  return Verdict::wrong;
}

/// Flags worth a try: each one that decides, and none.
std::vector<std::uint64_t> flags_of(const SyscallRow& row) {
  for (const ArgKind kind : row.args) {
    if (detail::opens(kind)) {
      return {
          0,      O_NOFOLLOW,          O_CREAT,     O_CREAT | O_EXCL,        O_CREAT | O_NOFOLLOW,
          O_PATH, O_PATH | O_NOFOLLOW, O_DIRECTORY, O_DIRECTORY | O_NOFOLLOW};
    }
    if (const detail::FlagRule* rule = detail::rule_for(kind)) {
      const std::uint64_t bit = rule->no_follow | rule->follow;
      if (rule->second_path_shift == 0) return {0, bit};
      return {0, bit, bit << rule->second_path_shift};
    }
  }
  return {0};
}

int run() {
  char name[] = "table-XXXXXX";
  EXPECT(mkdtemp(name) != nullptr);
  EXPECT(chdir(name) == 0);
  top = working_directory();
  directory_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT(directory_fd >= 0);
  int checked = 0, skips = 0, wrong = 0;
  for (const SyscallRow& row : syscall_table()) {
    if (number_of(*host_abis()[0], row.sys) < 0) continue;
    for (std::uint8_t place = 0; place < row.args.size(); ++place) {
      if (!detail::is_path(row.args[place])) continue;
      for (const std::uint64_t flags : flags_of(row)) {
        for (const Form form :
             {Form{false, false, false}, Form{false, true, false}, Form{true, false, false},
              Form{false, false, true}, Form{true, true, true}}) {
          const Verdict verdict = try_call({&row, place, flags, form});
          checked += verdict != Verdict::skipped;
          skips += verdict == Verdict::skipped;
          wrong += verdict == Verdict::wrong;
          if (verdict == Verdict::skipped && getenv("VERBOSE") != nullptr) {
            dprintf(1, "skipped %s argument %d flags %#llx\n",
                    std::string(name_of(row.sys)).c_str(), place,
                    static_cast<unsigned long long>(flags));
          }
        }
      }
    }
  }
  reset_tree();
  for (const char* left : {"dangling", "file", "other"})
    unlink(left);
  EXPECT(rmdir("directory") == 0);
  EXPECT(chdir("..") == 0 && rmdir(name) == 0);
  dprintf(1, "%d checked, %d skipped\n", checked, skips);
  EXPECT(wrong == 0);
  if (checked == 0) SKIP("no call reaches its lookup");
  return 0;
}

}  // namespace
}  // namespace nestp

int main() { return nestp::run(); }
