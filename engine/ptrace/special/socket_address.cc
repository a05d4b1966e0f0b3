#include "engine/ptrace/special/socket_address.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/dispatch.h"
#include "engine/ptrace/special/read_only.h"
#include "engine/ptrace/tracer.h"
#include "engine/ptrace/translate.h"
#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);
constexpr std::string_view kDeleted = " (deleted)";

/// The path in an address; empty if it is none of AF_UNIX with a path.
std::string path_of(std::string_view address) {
  if (address.size() <= kPathOffset) return {};
  sa_family_t family = 0;
  std::memcpy(&family, address.data(), sizeof family);
  if (family != AF_UNIX) return {};
  const std::string_view path = address.substr(kPathOffset);
  return std::string(path.substr(0, path.find('\0')));
}

std::string address_of(const std::string& path) {
  const sa_family_t family = AF_UNIX;
  std::string address(reinterpret_cast<const char*>(&family), sizeof family);
  address += path;
  // As the kernel counts it: the NUL too, where it has room.
  if (path.size() < SocketNames::kMaxText) address += '\0';
  return address;
}

/// Number behind `label` in a file of lines "Label:\t1\t2"; `column` from 0.
std::uint64_t status_field(const std::string& status, std::string_view label, int column,
                           int base) {
  std::size_t at = status.find(label);
  if (at == status.npos) return ~std::uint64_t{0};
  const char* text = status.c_str() + at + label.size();
  std::uint64_t value = 0;
  for (int i = 0; i <= column; ++i) {
    char* end = nullptr;
    value = std::strtoull(text, &end, base);
    text = end;
  }
  return value;
}

/// Whether a guest thread may walk through the tracer's descriptors (kernel/ptrace.c,
/// __ptrace_may_access with PTRACE_MODE_READ_FSCREDS).
bool may_use_tracer_files(pid_t thread) {
  constexpr std::uint64_t kTracePrivilege = 1ULL << 19;  // CAP_SYS_PTRACE
  constexpr int kFileSystemColumn = 3;
  const auto guest = read_file("/proc/" + std::to_string(thread) + "/status");
  const auto own = read_file("/proc/self/status");
  if (!guest || !own) return false;
  const std::uint64_t effective = status_field(*guest, "\nCapEff:", 0, 16);
  if (effective & kTracePrivilege) return true;
  if (status_field(*guest, "\nUid:", kFileSystemColumn, 10) != getuid()) return false;
  if (status_field(*guest, "\nGid:", kFileSystemColumn, 10) != getgid()) return false;
  return (status_field(*own, "\nCapPrm:", 0, 16) & ~effective) == 0;
}

/// `host` as seen from directory `from`, both absolute and without links.  Its first bytes
/// are unlike those of any name a guest would give.
std::string relative_to(const std::string& from, const std::string& host) {
  std::size_t common = 0;
  for (std::size_t i = 0; i <= from.size() && i < host.size(); ++i) {
    const bool ends = i == from.size() || from[i] == '/';
    if (ends && host[i] == '/') common = i;
    if (i < from.size() && from[i] != host[i]) break;
  }
  std::string text = ".//";
  for (std::size_t i = common; i < from.size(); ++i) {
    if (from[i] == '/' && i + 1 < from.size()) text += "../";
  }
  return text + host.substr(common + 1);
}

bool is_shortage(Errno error) { return error == Errno(EMFILE) || error == Errno(ENFILE); }

/// A link to `object`, which stays open during the call.
std::string hold(CallFrame& frame, UniqueFd object) {
  std::string text = shared_link(object.get());
  frame.thread().held.push_back(std::move(object));
  return text;
}

/// A text of at most 108 bytes that leads to `host`.
SysResult<std::string> fit(CallFrame& frame, const std::string& host, AddressUse use) {
  if (host.size() <= SocketNames::kMaxText) return host;
  Tracer& tracer = frame.tracer();
  const bool is_same_user = may_use_tracer_files(frame.thread().id);
  if (is_same_user) {
    auto text = tracer.sockets.directories.shorten(host);
    if (!text && !is_shortage(text.error())) return text.error();
    if (text && text->size() <= SocketNames::kMaxText) return std::move(*text);
    if (use == AddressUse::reach) {
      auto object = open_at(AT_FDCWD, host, O_PATH);
      if (object) return hold(frame, std::move(*object));
      if (!is_shortage(object.error())) return object.error();
    }
  }
  // A guest that changed its user cannot look into the tracer.
  const std::string directory = tracer.working_directory(frame.thread()).host;
  if (!directory.empty() && directory.front() == '/' && !directory.ends_with(kDeleted)) {
    // From a directory without search permission the kernel goes nowhere; of another user the
    // tracer cannot tell.
    const bool leads = !is_same_user || access((directory + "/.").c_str(), F_OK) == 0;
    std::string text = relative_to(directory, host);
    if (leads && text.size() <= SocketNames::kMaxText) return text;
  }
  LOG(info) << frame.thread().id << ' ' << name_of(frame.sys()) << ": no name of "
            << SocketNames::kMaxText << " bytes leads to " << quoted(host);
  return Errno(ENAMETOOLONG);
}

/// A last component that fills the address alone leaves no room for a directory: the socket is
/// bound to a short name beside it, which becomes the right one when the call has succeeded.
SysResult<std::string> bind_by_rename(CallFrame& frame, const std::string& host) {
  static std::uint64_t number = 0;
  if (host.ends_with('/')) return Errno(ENOENT);  // nothing is there
  const auto there = lstat_of(host);
  if (there) return Errno(EADDRINUSE);
  if (there.error() != Errno(ENOENT)) return there.error();
  const std::string directory = host.substr(0, host.rfind('/') + 1);
  const std::string beside =
      directory + ".s" + std::to_string(getpid()) + "-" + std::to_string(number++);
  auto text = fit(frame, beside, AddressUse::bind);
  if (!text) return text.error();
  frame.at_exit([beside, host](CallFrame& ended) {
    if (ended.result() < 0) return;
    if (renameat2(AT_FDCWD, beside.c_str(), AT_FDCWD, host.c_str(), RENAME_NOREPLACE) == 0) return;
    const int error = errno == EEXIST ? EADDRINUSE : errno;
    (void)unlink(beside.c_str());  // nobody knows that name
    ended.set_result(-error);
  });
  return text;
}

/// None: the kernel gets to the right place, or the right error, by the guest's own text.
SysResult<std::optional<Resolved>> resolve_name(CallFrame& frame, const std::string& text,
                                                AddressUse use) {
  Tracer& tracer = frame.tracer();
  ResolveFrom from = tracer.asker(frame.thread(), std::nullopt);
  if (text.front() != '/') {
    Tracer::Directory base = tracer.working_directory(frame.thread());
    const bool unknown =
        base.host.empty() || base.host.front() != '/' || base.host.ends_with(kDeleted);
    if (!base.guest && unknown) return std::optional<Resolved>();
    from.base = std::move(base.guest);
    from.base_host = std::move(base.host);
    from.base_anchor = "/proc/" + std::to_string(frame.thread().id) + "/cwd";
  }
  const LastLink last = use == AddressUse::bind ? LastLink::entry : LastLink::follow;
  auto resolved = tracer.resolver.resolve(from, text, last);
  if (!resolved) return resolved.error();
  return std::optional<Resolved>(std::move(*resolved));
}

/// A path at which the kernel itself fails with `error`, in its own order among the other
/// things that may be wrong with the call; null if there is none.
const char* path_that_fails(Errno error) {
  if (error == Errno(ENOENT)) return "/proc/0/socket";
  if (error == Errno(ENOTDIR)) return "/proc/version/socket";
  return nullptr;
}

std::optional<Errno> begin_bind(CallFrame& frame, const Resolved& resolved) {
  PathArg argument{};
  argument.last = LastComponent::entry;
  argument.writing = Writing::if_missing;
  if (frame.tracer().view(frame.thread()).has_read_only()) {
    if (const auto error = refusal_of_read_only(frame, argument, resolved)) return error;
  }
  frame.tracer().begin_change(frame.thread(), resolved.host);
  return std::nullopt;
}

SysResult<std::string> ask_extensions(CallFrame& frame, const Resolved& resolved, AddressUse use) {
  CallObject object = object_of(frame, resolved);
  object.follow = use != AddressUse::bind;
  object.is_entry = use == AddressUse::bind;
  if (ask_about_objects(frame, {&object, 1})) {
    frame.take_back_answer();  // the call may be about other addresses, too
    return Errno(static_cast<int>(-frame.result()));
  }
  std::string host = std::move(object.host);
  const Call call{.sys = frame.sys(),
                  .abi = &frame.abi(),
                  .thread = frame.thread().id,
                  .args = frame.args(),
                  .memory = frame.memory()};
  for (const auto& extension : frame.tracer().extensions) {
    auto changed = extension->on_path(call, resolved.guest, std::move(host));
    if (!changed) return changed.error();
    host = std::move(*changed);
  }
  return host;
}

/// The text for the kernel; none: the guest's own.
SysResult<std::optional<std::string>> name_to_kernel(CallFrame& frame, const std::string& text,
                                                     AddressUse use) {
  auto found = resolve_name(frame, text, use);
  if (!found) return found.error();
  if (!*found) return std::optional<std::string>();
  const Resolved& resolved = **found;
  if (use == AddressUse::bind) {
    if (const auto error = begin_bind(frame, resolved)) return *error;
  }
  const auto host = ask_extensions(frame, resolved, use);
  if (!host) return host.error();
  if (frame.tracer().trace) {
    frame.tracer().trace->line(frame.thread().id, frame.sys(), resolved.guest.text(), *host);
  }
  const bool is_own = *host == resolved.host;
  const bool unchanged = resolved.unchanged && is_own;
  LOG(debug) << frame.thread().id << ' ' << name_of(frame.sys()) << ' ' << quoted(text)
             << (unchanged ? " unchanged, " : " -> ") << quoted(*host);
  if (unchanged) return std::optional<std::string>();
  const std::string path = is_own ? kernel_path(resolved) : *host;
  auto short_text = fit(frame, path, use);
  if (!short_text && use == AddressUse::bind && short_text.error() == Errno(ENAMETOOLONG)) {
    short_text = bind_by_rename(frame, path);
  }
  if (!short_text) return short_text.error();
  if (use == AddressUse::reach) return std::optional<std::string>(std::move(*short_text));
  return std::optional<std::string>(frame.tracer().sockets.names.remember(*short_text, text));
}

/// `text` without "//" and "/./"; none if it is not absolute or holds "..".
std::optional<HostPath> host_path_of(const std::string& text) {
  if (text.empty() || text.front() != '/') return std::nullopt;
  std::string path;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const std::string part = text.substr(at, end - at);
    if (part == "..") return std::nullopt;
    if (!part.empty() && part != ".") path += "/" + part;
    at = end + 1;
  }
  if (path.empty()) return HostPath::root();
  return HostPath::of_canonical(std::move(path));
}

/// A short form of a tracer, this one or another session's, made long again.
std::string with_directory(const std::string& text) {
  if (!text.starts_with("/proc/")) return text;
  const std::size_t descriptors = text.find("/fd/");
  const std::size_t name = text.rfind('/');
  if (descriptors == text.npos || name <= descriptors + 3) return text;
  const auto directory = read_link(text.substr(0, name));
  return directory ? *directory + text.substr(name) : text;
}

std::string name_to_guest(CallFrame& frame, const std::string& text) {
  Tracer& tracer = frame.tracer();
  if (const std::string* given = tracer.sockets.names.find(text)) return *given;
  auto host = host_path_of(text);
  if (host) host = host_path_of(with_directory(host->text()));
  if (!host) return text;
  const auto guest = tracer.view(frame.thread()).to_guest(*host);
  if (!guest) return text;
  return tracer.visible(frame.thread(), *guest).value_or(text);
}

}  // namespace

SysResult<std::optional<std::string>> address_to_kernel(CallFrame& frame, GuestAddress at,
                                                        std::uint64_t size, AddressUse use) {
  const auto length = static_cast<std::int32_t>(size);  // an int to the kernel
  if (static_cast<std::uint64_t>(at) == 0 || length <= static_cast<std::int32_t>(kPathOffset) ||
      length > static_cast<std::int32_t>(sizeof(sockaddr_un))) {
    return std::optional<std::string>();
  }
  std::string address(static_cast<std::size_t>(length), '\0');
  const auto read = frame.memory().read(at, std::as_writable_bytes(std::span(address)));
  if (!read) return std::optional<std::string>();  // EFAULT, by the kernel
  const std::string text = path_of(address);
  if (text.empty()) return std::optional<std::string>();
  const auto name = name_to_kernel(frame, text, use);
  if (name) {
    if (!*name) return std::optional<std::string>();
    return std::optional<std::string>(address_of(**name));
  }
  if (const char* path = path_that_fails(name.error())) {
    return std::optional<std::string>(address_of(path));
  }
  return name.error();
}

std::string address_to_guest(CallFrame& frame, const std::string& address) {
  const std::string text = path_of(address);
  if (text.empty()) return address;
  const std::string name = name_to_guest(frame, text);
  if (name == text) return address;
  LOG(debug) << frame.thread().id << ' ' << name_of(frame.sys()) << " gives " << quoted(text)
             << " -> " << quoted(name);
  std::string changed = address.substr(0, kPathOffset);
  changed.append(name, 0, SocketNames::kMaxText);
  return changed + '\0';  // always counted in what the kernel gives
}

}  // namespace nestp
