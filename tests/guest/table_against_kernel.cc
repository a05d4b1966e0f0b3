// Every path argument of the syscall table against the running kernel: given a dangling link, does
// the kernel follow it exactly where the table says?  With and without a trailing slash, relative,
// relative to a descriptor and absolute, with each flag that has a say.
//
// An argument counts only if the call reaches its lookup at all: "file/x" must be ENOTDIR.  The
// others (no privilege, no such call) are skipped.
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
  std::uint64_t how[3];               ///< struct open_how
  std::uint64_t attribute[2];         ///< struct xattr_args: address of the value, size and flags
  std::uint64_t mount_attributes[4];  ///< struct mount_attr
  std::uint32_t handle[64];           ///< struct file_handle, its size first
  alignas(16) char answer[4096];
  alignas(16) char other_answer[4096];
};
Memory memory;

std::uint64_t address_of(const void* object) { return reinterpret_cast<std::uintptr_t>(object); }

void reset_memory(std::uint64_t open_flags) {
  std::memset(&memory, 0, sizeof memory);
  memory.how[0] = open_flags;
  memory.how[1] = open_flags & O_CREAT ? 0600 : 0;
  memory.attribute[0] = address_of(memory.other_answer);
  memory.attribute[1] = 1;
  memory.mount_attributes[0] = 1;  // MOUNT_ATTR_RDONLY
  memory.handle[0] = 128;
}

/// How a path is written down.
struct Form {
  bool absolute;
  bool by_descriptor;
  bool slash;
};

struct Call {
  const SyscallRow* row;
  std::size_t tested;  ///< place of the path that is tried
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
  return address_of(place.c_str());
}

/// Files as every try finds them.
void reset_tree() {
  for (const char* name : {"dangling", "nowhere", "fresh", "file", "other"})
    unlink(name);
  for (const char* name : {"nowhere", "fresh", "directory"})
    rmdir(name);
  if (symlink("nowhere", "dangling") != 0) std::perror("symlink");
  for (const char* name : {"file", "other"})
    close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
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
  const ArgKind kind = call.row->args[place];
  if (detail::is_path(kind)) {
    return text_address(place == call.tested ? path : companion(*call.row, place));
  }
  if (detail::rule_for(kind) != nullptr || kind == ArgKind::open_flags) return call.flags;
  if (kind == ArgKind::dirfd) {
    return static_cast<std::uint64_t>(call.form.by_descriptor ? directory_fd : AT_FDCWD);
  }
  if (kind == ArgKind::target) return text_address("text");
  if (kind == ArgKind::path_out) return address_of(memory.answer);
  if (kind == ArgKind::open_how) return address_of(memory.how);
  return kind == ArgKind::size ? 64 : 0;
}

/// A value that is an address or a size, where 0 would fail before the lookup.
struct Value {
  Sys sys;
  std::uint8_t place;
  std::uint64_t value;
};

const std::uint64_t kAnswer = address_of(memory.answer);
const std::uint64_t kOther = address_of(memory.other_answer);
const std::uint64_t kName = address_of("user.x");
const std::uint64_t kNoType = address_of("no such type");

// clang-format off
const Value kValues[] = {
    {Sys::stat, 1, kAnswer}, {Sys::lstat, 1, kAnswer}, {Sys::newfstatat, 2, kAnswer},
    {Sys::statfs, 1, kAnswer}, {Sys::statx, 3, 1}, {Sys::statx, 4, kAnswer},
    {Sys::file_getattr, 2, kAnswer}, {Sys::file_getattr, 3, 24},
    {Sys::file_setattr, 2, kAnswer}, {Sys::file_setattr, 3, 24},
    {Sys::getxattr, 1, kName}, {Sys::getxattr, 2, kAnswer}, {Sys::getxattr, 3, 1},
    {Sys::lgetxattr, 1, kName}, {Sys::lgetxattr, 2, kAnswer}, {Sys::lgetxattr, 3, 1},
    {Sys::setxattr, 1, kName}, {Sys::setxattr, 2, kAnswer}, {Sys::setxattr, 3, 1},
    {Sys::lsetxattr, 1, kName}, {Sys::lsetxattr, 2, kAnswer}, {Sys::lsetxattr, 3, 1},
    {Sys::removexattr, 1, kName}, {Sys::lremovexattr, 1, kName}, {Sys::removexattrat, 3, kName},
    {Sys::getxattrat, 3, kName}, {Sys::getxattrat, 4, address_of(memory.attribute)}, {Sys::getxattrat, 5, 16},
    {Sys::setxattrat, 3, kName}, {Sys::setxattrat, 4, address_of(memory.attribute)}, {Sys::setxattrat, 5, 16},
    {Sys::listxattr, 1, kAnswer}, {Sys::llistxattr, 1, kAnswer}, {Sys::listxattrat, 3, kAnswer},
    {Sys::name_to_handle_at, 2, address_of(memory.handle)}, {Sys::name_to_handle_at, 3, kOther},
    {Sys::mount_setattr, 3, address_of(memory.mount_attributes)}, {Sys::mount_setattr, 4, 32},
    {Sys::open_tree_attr, 3, address_of(memory.mount_attributes)}, {Sys::open_tree_attr, 4, 32},
    {Sys::mount, 0, kNoType}, {Sys::mount, 2, kNoType},
    {Sys::openat2, 3, sizeof memory.how},
    {Sys::quotactl, 0, 0x80000700}, {Sys::quotactl, 3, kAnswer},  // Q_GETQUOTA of users
    {Sys::fanotify_mark, 2, FAN_OPEN},
};
// clang-format on

void fill_values(const Call& call, Args& args) {
  for (const Value& value : kValues) {
    if (value.sys == call.row->sys) args[value.place] = value.value;
  }
  if (call.row->sys == Sys::inotify_add_watch) {
    args[0] = static_cast<std::uint64_t>(inotify_init1(IN_CLOEXEC));
    args[2] |= IN_OPEN;
  }
  if (call.row->sys == Sys::fanotify_mark) {
    args[0] = static_cast<std::uint64_t>(fanotify_init(FAN_REPORT_FID | FAN_CLOEXEC, O_RDONLY));
    args[1] |= FAN_MARK_ADD;
  }
}

/// Makes the call for real; its errno, or 0.
int perform(const Call& call, const std::string& name, Args& args) {
  reset_memory(call.flags);
  std::string path = call.form.absolute ? top + '/' + name : name;
  if (call.form.slash) path += '/';
  for (std::size_t i = 0; i < args.size(); ++i)
    args[i] = argument(call, i, path);
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
  dprintf(2, "%s, argument %zu, flags %#llx, %s%s%s: the kernel %s the link (%s)\n",
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
    for (std::size_t place = 0; place < row.args.size(); ++place) {
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
            dprintf(1, "skipped %s argument %zu flags %#llx\n",
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
