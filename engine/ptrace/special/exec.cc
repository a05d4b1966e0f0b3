#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/dispatch.h"
#include "engine/ptrace/exec/start.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"
#include "engine/ptrace/translate.h"
#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::uint64_t kEmptyPath = 0x1000;   // AT_EMPTY_PATH
constexpr std::uint64_t kNoFollow = 0x100;     // AT_SYMLINK_NOFOLLOW
constexpr std::uint64_t kCheckOnly = 0x10000;  // AT_EXECVE_CHECK

/// What is to be executed, as the kernel would name it (fs/exec.c, alloc_bprm).
struct Target {
  std::string text{};                ///< AT_EXECFN
  std::optional<ExecFile> opened{};  ///< set if a descriptor leads to it
  bool script_reachable = true;
};

bool closes_on_exec(const Thread& thread, int descriptor) {
  const auto flags = Tracer::descriptor_flags(thread, descriptor);
  return flags && (*flags & O_CLOEXEC) != 0;
}

/// execveat(fd, "", AT_EMPTY_PATH): the file behind a descriptor, even a deleted one.
SysResult<Target> descriptor_target(CallFrame& frame) {
  const int descriptor = frame.descriptor(0);
  const std::string number = std::to_string(descriptor);
  const std::string link = "/proc/" + std::to_string(frame.thread().id) + "/fd/" + number;
  if (!read_link(link)) return Errno(EBADF);
  const Tracer::Directory object = frame.tracer().descriptor_directory(frame.thread(), descriptor);
  auto file = open_executable(frame.tracer(), link, object.guest.value_or(GuestPath::root()));
  if (!file) return file.error();
  if (const auto held = hold_open(*file); !held) return held.error();
  // It outlives a close on exec, and needs no name on disk.
  file->host = shared_link(file->file.get());
  Target target{.text = "/dev/fd/" + number,
                .script_reachable = !closes_on_exec(frame.thread(), descriptor)};
  target.opened = std::move(*file);
  return target;
}

/// A file that the tracer opened by a way of its own, under the name that the guest has for it.
SysResult<ExecFile> open_by_tracer(CallFrame& frame, const std::string& host) {
  auto file = open_executable(frame.tracer(), host, GuestPath::root());
  if (!file) return file.error();
  if (const auto held = hold_open(*file); !held) return held.error();
  file->host = shared_link(file->file.get());
  const auto text = read_link(file->host);
  const auto place = text ? HostPath::parse(*text) : SysResult<HostPath>(text.error());
  if (!place) return file;
  const View& view = frame.tracer().view(frame.thread());
  if (const auto name = frame.tracer().name_of_host(view, *place)) file->guest = *name;
  return file;
}

/// What extensions say to the execution of a file.
std::optional<Errno> refusal_by_extensions(CallFrame& frame, const PathArg& argument,
                                           CallObject object) {
  object.index = argument.index;
  object.follow = argument.last == LastComponent::follow;
  if (!ask_about_objects(frame, {&object, 1})) return std::nullopt;
  return Errno(static_cast<int>(-frame.result()));
}

/// The file that a path argument names.
SysResult<ExecFile> open_argument(CallFrame& frame, const PathArg& argument,
                                  const std::string& text) {
  const auto resolved = resolve_argument(frame, argument);
  if (!resolved) return resolved.error();
  // The kernel's own start is the right one; what it cannot name is not to be executed.
  const bool is_handed_back = !*resolved;
  const std::string by_base =
      is_handed_back ? base_anchor(frame, argument) + "/" + text : (*resolved)->by_base;
  if (is_handed_back) {
    const Tracer::Directory directory = base_directory(frame, argument);
    if (directory.host.empty()) return Errno(EBADF);
    if (!directory.guest) {
      const auto status = stat_of(by_base);
      if (!status) return status.error();
      return Errno(S_ISREG(status->st_mode) ? ENOENT : EACCES);
    }
  }
  if (argument.last == LastComponent::entry) {
    const auto status = lstat_of(is_handed_back ? by_base : (*resolved)->seen());
    if (status && S_ISLNK(status->st_mode)) return Errno(ELOOP);
  }
  CallObject object = is_handed_back ? CallObject{.host = by_base} : object_of(frame, **resolved);
  if (const auto error = refusal_by_extensions(frame, argument, std::move(object))) return *error;
  if (is_handed_back) return open_by_tracer(frame, by_base);
  auto file = open_executable(frame.tracer(), (*resolved)->host, (*resolved)->guest);
  const bool unsearchable = !file && file.error() == Errno(EACCES) && !by_base.empty();
  return unsearchable ? open_by_tracer(frame, by_base) : std::move(file);
}

SysResult<Target> at_target(CallFrame& frame) {
  const auto text = frame.text(1);
  if (!text) return text.error();
  const std::uint64_t flags = frame.arg(4);
  if (flags & ~(kEmptyPath | kNoFollow | kCheckOnly)) return Errno(EINVAL);
  if (text->empty()) {
    if (!(flags & kEmptyPath)) return Errno(ENOENT);
    if (frame.descriptor(0) != AT_FDCWD) return descriptor_target(frame);
    return Errno(EACCES);  // the working directory
  }
  const int descriptor = frame.descriptor(0);
  Target target{.text = *text};
  if (text->front() != '/' && descriptor != AT_FDCWD) {
    target.text = "/dev/fd/" + std::to_string(descriptor) + "/" + *text;
    target.script_reachable = !closes_on_exec(frame.thread(), descriptor);
  }
  PathArg argument{};
  argument.index = 1;
  argument.dirfd = std::uint8_t{0};
  argument.last = flags & kNoFollow ? LastComponent::entry : LastComponent::follow;
  auto file = open_argument(frame, argument, *text);
  if (!file) return file.error();
  target.opened = std::move(*file);
  return target;
}

SysResult<Target> find_target(CallFrame& frame) {
  if (frame.sys() == Sys::execveat) return at_target(frame);
  const auto text = frame.text(0);
  if (!text) return text.error();
  if (text->empty()) return Errno(ENOENT);
  Target target{.text = *text};
  PathArg argument{};
  argument.index = 0;
  argument.last = LastComponent::follow;
  auto file = open_argument(frame, argument, *text);
  if (!file) return file.error();
  target.opened = std::move(*file);
  return target;
}

/// The pointers of an argument vector behind argv[0].  E2BIG past what any kernel takes.
SysResult<std::vector<std::uint64_t>> read_vector(CallFrame& frame, std::uint64_t address) {
  constexpr std::size_t kMost = 0x7fffffff / 8;
  const std::size_t size = frame.abi().word_size;
  std::vector<std::uint64_t> pointers;
  if (address == 0) return pointers;
  for (;;) {
    std::byte page[4096];
    const std::size_t room = sizeof page - address % sizeof page;
    const std::size_t got =
        frame.memory().read_some(GuestAddress{address}, std::span(page, room)) / size;
    if (got == 0) return Errno(EFAULT);
    for (std::size_t i = 0; i < got; ++i) {
      std::uint64_t pointer = 0;
      std::memcpy(&pointer, page + i * size, size);
      if (pointer == 0) return pointers;
      pointers.push_back(pointer);
    }
    if (pointers.size() > kMost) return Errno(E2BIG);
    address += got * size;
  }
}

/// Puts a vector of pointers in the place of argument `index`.  `below`: lowest address that
/// earlier ones took below the stack, which the new program will not see.
SysResult<> replace_vector(CallFrame& frame, std::vector<std::uint64_t> pointers, int index,
                           std::uint64_t& below) {
  pointers.push_back(0);
  std::string bytes;
  for (const std::uint64_t pointer : pointers) {
    bytes.append(reinterpret_cast<const char*>(&pointer), frame.abi().word_size);
  }
  std::uint64_t at = frame.place(bytes);
  if (at == 0) {
    // Too long for the slot.
    at = below = (below - bytes.size()) & ~15ULL;
    const auto done = frame.memory().write(GuestAddress{at},
                                           std::as_bytes(std::span(bytes.data(), bytes.size())));
    if (!done) return Errno(E2BIG);
  }
  frame.set_arg(index, at);
  return Done{};
}

/// Puts a script's words in argv[0]'s place (fs/binfmt_script.c, load_script).
SysResult<> rewrite_arguments(CallFrame& frame, const std::vector<std::string>& words,
                              std::uint64_t& below) {
  constexpr int kIndex = 1;
  auto pointers = read_vector(frame, frame.arg(kIndex));
  if (!pointers) return pointers.error();
  if (!pointers->empty()) pointers->erase(pointers->begin());
  std::vector<std::uint64_t> all;
  for (const std::string& word : words) {
    const std::uint64_t at = frame.place(std::string_view(word.c_str(), word.size() + 1), 1);
    if (at == 0) return Errno(E2BIG);
    all.push_back(at);
  }
  all.insert(all.end(), pointers->begin(), pointers->end());
  return replace_vector(frame, std::move(all), kIndex, below);
}

bool is_loader_variable_at(CallFrame& frame, std::uint64_t address) {
  char start[3] = {};
  const auto read =
      frame.memory().read(GuestAddress{address}, std::as_writable_bytes(std::span(start)));
  return read && is_loader_variable({start, sizeof start});
}

/// The environment without variables of the dynamic linker.
SysResult<> hide_variables(CallFrame& frame, std::uint64_t& below) {
  constexpr int kIndex = 2;
  auto pointers = read_vector(frame, frame.arg(kIndex));
  if (!pointers) return pointers.error();
  std::erase_if(*pointers, [&frame](std::uint64_t at) { return is_loader_variable_at(frame, at); });
  return replace_vector(frame, std::move(*pointers), kIndex, below);
}

/// Asks who runs a foreign program; what its start needs to know is read only for one.
std::optional<ExecEmulator> emulator_for(CallFrame& frame, ProgramFile program,
                                         const GuestPath& guest) {
  constexpr std::size_t kLongestWord = 0x20000;  // bytes (MAX_ARG_STRLEN)
  const int index = frame.sys() == Sys::execveat ? 2 : 1;
  if (!program.runs_here) {
    const auto words = read_vector(frame, frame.arg(index));
    if (program.argument.empty() && words && !words->empty()) {
      const auto text = frame.memory().read_string(GuestAddress{words->front()}, kLongestWord);
      if (text) program.argument = *text;
    }
    const auto variables = read_vector(frame, frame.arg(index + 1));
    for (const std::uint64_t at : variables ? *variables : std::vector<std::uint64_t>()) {
      if (!is_loader_variable_at(frame, at)) continue;
      if (auto text = frame.memory().read_string(GuestAddress{at}, kLongestWord)) {
        program.variables.push_back(std::move(*text));
      }
    }
  }
  return find_emulator(frame.tracer(), program, guest);
}

/// Guests may always open what is the tracer's: nobody among them is another user.
bool shows_own_files() {
  static const bool shows = geteuid() != 0 && geteuid() == getuid() && prctl(PR_GET_DUMPABLE) == 1;
  return shows;
}

/// The image a thread execs: the tracer's, whose name in /proc is not made anew for every
/// process, or its own where it may have no permission on the tracer.
SysResult<std::string> image_path(CallFrame& frame, const ExecPlan& plan) {
  const AddressSpace& space = *frame.thread().space;
  if (!shows_own_files() && space.has_gate && space.abi == plan.abi) {
    return padded_path("self", "exe", plan.file_name);
  }
  const auto descriptor = frame.tracer().loader.descriptor(*plan.abi);
  if (!descriptor) {
    LOG(warning) << descriptor.error().message;
    return Errno(ENOMEM);
  }
  return padded_path(std::to_string(getpid()) + "/fd", std::to_string(*descriptor), plan.file_name);
}

}  // namespace

void special_exec(CallFrame& frame) {
  auto target = find_target(frame);
  if (!target) return frame.fail(target.error());
  const ExecOpener open = [&frame](const std::string& text) -> SysResult<ExecFile> {
    ResolveFrom from = frame.tracer().asker(frame.thread(), std::nullopt);
    if (text.empty() || text.front() != '/') {
      Tracer::Directory base = frame.tracer().working_directory(frame.thread());
      from.base = std::move(base.guest);
      from.base_host = std::move(base.host);
    }
    return open_executable(frame.tracer(), from, text);
  };
  const EmulatorFinder emulator = [&frame](const ProgramFile& program, const GuestPath& guest) {
    return emulator_for(frame, program, guest);
  };
  auto plan = make_exec_plan(target->text, open, emulator, std::move(target->opened),
                             target->script_reachable);
  if (!plan) return frame.fail(plan.error().error);
  const bool at = frame.sys() == Sys::execveat;
  if (at && (frame.arg(4) & kCheckOnly)) return frame.answer(0);
  if (at) {
    frame.set_sys(Sys::execve);
    frame.set_arg(1, frame.arg(2));
    frame.set_arg(2, frame.arg(3));
  }
  std::uint64_t below = frame.registers().stack() - frame.abi().red_zone;
  if (!plan->scripts.empty()) {
    const auto done = rewrite_arguments(frame, plan->scripts, below);
    if (!done) return frame.fail(done.error());
  }
  if (plan->hides_variables) {
    const auto done = hide_variables(frame, below);
    if (!done) return frame.fail(done.error());
  }
  const auto image = image_path(frame, *plan);
  if (!image) return frame.fail(image.error());
  plan->image_path = image->size();
  if (!frame.replace_string(0, *image)) return frame.fail(Errno(ENAMETOOLONG));
  frame.thread().exec = std::make_unique<ExecPlan>(std::move(*plan));
}

}  // namespace nestp
