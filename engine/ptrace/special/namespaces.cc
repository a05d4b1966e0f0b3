#include "engine/ptrace/special/namespaces.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"
#include "fs/fd.h"
#include "fs/proc_links.h"

namespace nestp {
namespace {

constexpr std::uint64_t kNewTime = 0x80;  // CLONE_NEWTIME; clone(2) has its exit signal there
/// Made by nestp, always.
constexpr std::uint64_t kEmulated = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID;
/// Made by the kernel if the thread is root there, else promised only.
constexpr std::uint64_t kOthers = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS;

/// The number behind `name` in a text of /proc/PID/status.
std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view name, int base) {
  const std::size_t at = text.find(name);
  if (at == text.npos) return std::nullopt;
  std::uint64_t value = 0;
  const char* const start = text.data() + at + name.size();
  const auto [end, failure] = std::from_chars(start, text.data() + text.size(), value, base);
  if (failure != std::errc() || end == start) return std::nullopt;
  return value;
}

std::uint64_t effective_capabilities(const std::string& process) {
  const auto text = read_file("/proc/" + process + "/status");
  return text ? number_behind(*text, "\nCapEff:\t", 16).value_or(0) : 0;
}

bool is_set(std::uint64_t capabilities, Capability capability) {
  return (capabilities >> static_cast<unsigned>(capability) & 1) != 0;
}

/// True if the kernel itself would let the thread.
bool has_real_capability(const Thread& thread, Capability capability) {
  return is_set(effective_capabilities(std::to_string(thread.id)), capability);
}

bool is_root(const Thread& thread) {
  const auto owner = stat_of("/proc/" + std::to_string(thread.id));
  return owner && owner->st_uid == 0;
}

/// Those of the wished namespaces that the kernel is not asked for.
std::uint64_t emulated_of(const Thread& thread, std::uint64_t flags) {
  const bool real = (flags & kOthers) != 0 && has_real_capability(thread, Capability::administer);
  return flags & (real ? kEmulated : kEmulated | kOthers);
}

/// In a new namespace of every kind without CLONE_NEWUSER, privilege is needed.
bool may_enter(const Thread& thread, std::uint64_t flags) {
  return (flags & CLONE_NEWUSER) != 0 || has_capability(thread, Capability::administer);
}

void own_files(Thread& thread) {
  thread.files = std::make_shared<FileSystem>(*thread.files);
  thread.files->changes_under_way = 0;
}

void unshare_call(CallFrame& frame) {
  Thread& thread = frame.thread();
  const std::uint64_t flags = frame.arg(0);
  const std::uint64_t wanted = flags & (kEmulated | kOthers | kNewTime);
  std::uint64_t emulated = 0;
  bool leaves_files = (flags & CLONE_FS) != 0;
  if (wanted != 0 && may_enter(thread, wanted)) {
    // In the order of kernel/fork.c, ksys_unshare, and kernel/user_namespace.c.
    if ((flags & CLONE_NEWUSER) && thread.process->thread_count > 1) {
      return frame.fail(Errno(EINVAL));
    }
    if ((flags & CLONE_NEWUSER) && !thread.files->root.is_root()) return frame.fail(Errno(EPERM));
    emulated = emulated_of(thread, wanted);
    std::uint64_t asked = flags & ~emulated;
    if (emulated & (CLONE_NEWUSER | CLONE_NEWNS)) {
      asked |= CLONE_FS;
      leaves_files = true;
    }
    frame.set_arg(0, asked);
  }
  if (emulated == 0 && !leaves_files) return;
  frame.at_exit([emulated, leaves_files](CallFrame& at) {
    if (at.result() != 0) return;
    if (leaves_files) own_files(at.thread());
    enter_namespaces(at.thread(), emulated);
    for (const auto& extension : at.tracer().extensions)
      extension->on_namespaces(at.thread().id, emulated);
  });
}

/// Takes the emulated namespaces out of a clone(2) or clone3(2); the child gets them at its birth.
/// And CLONE_UNTRACED: no call of a thread that nestp does not trace could be answered.
template <typename Replace>
void clone_with(CallFrame& frame, std::uint64_t flags, Replace replace) {
  Thread& thread = frame.thread();
  const std::uint64_t wanted = flags & (kEmulated | kOthers);
  const bool hidden = (flags & CLONE_UNTRACED) != 0;
  if (wanted != 0 ? !may_enter(thread, wanted) : !hidden) return;
  // kernel/fork.c, copy_process: what cannot go together.
  const bool shares = (flags & (CLONE_NEWNS | CLONE_NEWUSER)) != 0 && (flags & CLONE_FS) != 0;
  const bool splits = (flags & (CLONE_NEWPID | CLONE_NEWUSER)) != 0 && (flags & CLONE_THREAD) != 0;
  if (shares || splits) return frame.fail(Errno(EINVAL));
  if ((flags & CLONE_NEWUSER) && !thread.files->root.is_root()) return frame.fail(Errno(EPERM));
  const std::uint64_t emulated = emulated_of(thread, wanted);
  if (!replace(flags & ~emulated & ~std::uint64_t{CLONE_UNTRACED})) return frame.fail(Errno(E2BIG));
  thread.new_namespaces = emulated;
  thread.hides_birth = hidden;
  frame.at_exit([](CallFrame& at) {
    at.thread().new_namespaces = 0;
    at.thread().hides_birth = false;
  });
}

void clone_call(CallFrame& frame) {
  clone_with(frame, frame.arg(0), [&frame](std::uint64_t flags) {
    frame.set_arg(0, flags);
    return true;
  });
}

void clone3_call(CallFrame& frame) {
  const std::uint64_t size = frame.arg(1);
  const auto flags = frame.memory().read_object<std::uint64_t>(frame.address(0));
  if (!flags || size < sizeof *flags || size > frame.room()) return;
  clone_with(frame, *flags, [&frame, size](std::uint64_t asked) {
    std::string arguments(size, '\0');
    const auto read =
        frame.memory().read(frame.address(0), std::as_writable_bytes(std::span(arguments)));
    if (!read) return false;
    std::memcpy(arguments.data(), &asked, sizeof asked);
    return frame.replace(0, arguments);
  });
}

/// The process a pidfd stands for; none: it is no pidfd.
std::optional<pid_t> process_of_descriptor(const Thread& thread, int descriptor) {
  const auto info =
      read_file("/proc/" + std::to_string(thread.id) + "/fdinfo/" + std::to_string(descriptor));
  if (!info) return std::nullopt;
  const auto id = number_behind(*info, "\nPid:\t", 10);
  if (!id) return std::nullopt;
  return static_cast<pid_t>(*id);
}

/// setns(2) with a pidfd: the mounts of another guest are nestp's to give.
void join_process(CallFrame& frame, pid_t other) {
  Thread& thread = frame.thread();
  const Thread* const target = frame.tracer().threads.find(other);
  if (target == nullptr) return frame.fail(Errno(EPERM));
  const std::uint64_t flags = frame.arg(1);
  if (!has_capability(thread, Capability::administer)) return frame.fail(Errno(EPERM));
  if (flags & CLONE_NEWNS) {
    thread.process->mounts = target->process->mounts;
    own_files(thread);
    thread.files->root = target->files->root;
    thread.files->forget_directory();
    frame.tracer().forget_names();
  }
  const std::uint64_t emulated = emulated_of(thread, flags & (kEmulated | kOthers));
  if ((flags & ~emulated) == 0) return frame.answer(0);
  frame.set_arg(1, flags & ~emulated);
}

void setns_call(CallFrame& frame) {
  Thread& thread = frame.thread();
  const int descriptor = frame.descriptor(0);
  if (const auto other = process_of_descriptor(thread, descriptor))
    return join_process(frame, *other);
  const std::string process = "/proc/" + std::to_string(thread.id);
  const auto link = read_link(process + "/fd/" + std::to_string(descriptor));
  if (!link || !has_capability(thread, Capability::administer)) return;
  const std::string kind = link->substr(0, link->find(':'));
  const auto own = read_link(process + "/ns/" + kind);
  if (!own) return;  // no namespace: the kernel says EINVAL
  const bool emulated = kind == "mnt" || kind == "pid" || kind == "user";
  if (!emulated && has_real_capability(thread, Capability::administer)) return;
  // All guests share the kernel's; joining it again is EINVAL for users alone.
  if (*own != *link) return frame.fail(Errno(EPERM));
  if (kind == "user") return frame.fail(Errno(EINVAL));
  frame.answer(0);
}

bool maps_root(const UserNamespace& space) {
  char text[4096];
  const ssize_t size = pread(space.uid_map.get(), text, sizeof text - 1, 0);
  if (size <= 0) return false;
  text[size] = '\0';
  for (const char* line = text; line != nullptr; line = std::strchr(line, '\n')) {
    line += *line == '\n' ? 1 : 0;
    char* end = nullptr;
    const unsigned long inside = std::strtoul(line, &end, 10);
    if (end != line && inside == 0) return true;
  }
  return false;
}

}  // namespace

bool has_capability(const Thread& thread, Capability capability) {
  const Process& process = *thread.process;
  if (process.user != nullptr) return process.is_privileged;
  for (const auto& extension : thread.extensions) {
    const auto answer = extension->has_capability(thread.id, static_cast<unsigned>(capability));
    if (answer) return *answer;
  }
  if (!is_root(thread)) return false;
  // Root that lacks it can still change its own view, if nestp lacks it just as well.
  static const std::uint64_t of_tracer = effective_capabilities("self");
  return !is_set(of_tracer, capability) || has_real_capability(thread, capability);
}

void enter_namespaces(Thread& thread, std::uint64_t flags) {
  Process& process = *thread.process;
  if (flags & CLONE_NEWUSER) {
    auto space = std::make_shared<UserNamespace>();
    space->uid_map.reset(memfd_create("uid_map", MFD_CLOEXEC));
    space->gid_map.reset(memfd_create("gid_map", MFD_CLOEXEC));
    space->group_setting.reset(memfd_create("setgroups", MFD_CLOEXEC));
    (void)!write(space->group_setting.get(), "allow\n", 6);
    process.user = std::move(space);
    process.is_privileged = true;
  }
  if (flags & CLONE_NEWNS) process.mounts = std::make_shared<MountNamespace>(*process.mounts);
  if (flags & CLONE_NEWNET) {
    process.promised_network = true;
    LOG(info) << thread.id << " asked for a network of its own and keeps the host's";
  }
}

void begin_namespaces(Thread& child, const Thread& parent) {
  if (child.process != parent.process) {
    child.process->user = parent.process->user;
    child.process->is_privileged = parent.process->is_privileged;
    child.process->promised_network = parent.process->promised_network;
  }
  if (parent.new_namespaces == 0 && !parent.hides_birth) return;
  enter_namespaces(child, parent.new_namespaces);
  child.given_argument = parent.call_registers.arg(0);
}

void end_privileges(Thread& thread) {
  Process& process = *thread.process;
  if (process.is_privileged && !maps_root(*process.user)) process.is_privileged = false;
}

int identity_file(CallFrame& frame, const std::string& host, bool writes) {
  const std::size_t slash = host.rfind('/');
  if (slash == host.npos) return -1;
  const std::string_view name = std::string_view(host).substr(slash + 1);
  const ProcLink link = proc_link(std::string_view(host).substr(0, slash), name);
  const Thread* const target = frame.tracer().threads.find(link.process);
  if (target == nullptr || target->process->user == nullptr) return -1;
  const UserNamespace& space = *target->process->user;
  if (name == "uid_map") return space.uid_map.get();
  if (name == "gid_map") return space.gid_map.get();
  if (name != "setgroups") return -1;
  if (writes) (void)!ftruncate(space.group_setting.get(), 0);
  return space.group_setting.get();
}

bool acknowledge_network_change(CallFrame& frame) {
  struct Header {
    std::uint32_t size;
    std::uint16_t type, flags;
    std::uint32_t sequence, port;
  };
  constexpr std::uint16_t kNothing = 1;                            // NLMSG_NOOP
  constexpr std::array<std::uint16_t, 3> kChanges = {16, 19, 20};  // RTM_{NEW,SET}LINK, RTM_NEWADDR
  if (!frame.thread().process->promised_network || frame.sys() != Sys::sendto) return false;
  const auto family = frame.memory().read_object<std::uint16_t>(frame.address(4));
  const auto header = frame.memory().read_object<Header>(frame.address(1));
  const std::uint64_t size = frame.arg(2);
  if (!family || *family != AF_NETLINK || !header || size < sizeof *header) return false;
  if (std::find(kChanges.begin(), kChanges.end(), header->type) == kChanges.end()) return false;
  std::string message(std::min<std::uint64_t>(size, frame.room()), '\0');
  if (message.size() != size) return false;
  const auto read =
      frame.memory().read(frame.address(1), std::as_writable_bytes(std::span(message)));
  if (!read) return false;
  std::memcpy(message.data() + offsetof(Header, type), &kNothing, sizeof kNothing);
  return frame.replace(1, message);
}

void special_namespaces(CallFrame& frame) {
  switch (frame.sys()) {  // NOLINT: no other row leads here
    case Sys::unshare:
      return unshare_call(frame);
    case Sys::setns:
      return setns_call(frame);
    case Sys::clone:
      return clone_call(frame);
    case Sys::clone3:
      return clone3_call(frame);
    default:
      return;
  }
}

}  // namespace nestp
