#include "extensions/kernel_name.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sched.h>
#include <sys/utsname.h>
#include <utility>
#include <vector>

#include "arch/call_releases.h"
#include "extensions/vdso_note.h"

namespace nestp {
namespace {

constexpr std::uint64_t kLongestName = 64;                   // bytes (__NEW_UTS_LEN)
constexpr std::uint64_t kAtCapabilities = 16, kAtVdso = 33;  // AT_HWCAP, AT_SYSINFO_EHDR

/// How a call of the uname family lays out its struct: `count` fields of `size` bytes.
struct Layout {
  std::size_t size = 65;
  std::size_t count = 6;
};

Layout layout_of(Sys sys) {
  if (sys == Sys::oldolduname) return {.size = 9, .count = 5};
  if (sys == Sys::olduname) return {.size = 65, .count = 5};
  return {};
}

void write_field(Call& call, const Layout& layout, std::size_t index, std::string_view text) {
  std::vector<std::byte> bytes(layout.size);
  const std::size_t size = std::min(text.size(), layout.size - 1);
  std::memcpy(bytes.data(), text.data(), size);
  // The kernel has just written there; should it be gone, the guest's own thread did that.
  (void)call.memory.write(GuestAddress{call.args[0] + index * layout.size}, bytes);
}

std::string read_field(Call& call, const Layout& layout, std::size_t index) {
  std::string text(layout.size, '\0');
  const auto read = call.memory.read(GuestAddress{call.args[0] + index * layout.size},
                                     std::as_writable_bytes(std::span(text)));
  return read ? std::string(text.c_str()) : std::string();
}

}  // namespace

bool KernelFields::is_empty() const {
  return !system && !node && !release && !version && !machine && !domain && !capabilities;
}

Result<KernelFields> parse_kernel_fields(std::string_view text) {
  KernelFields fields;
  if (text.empty()) return Error{"the kernel's release is empty"};
  if (text.front() != '\\') {
    fields.release = std::string(text);
    return fields;
  }
  const std::string whole(text);
  const std::array<std::optional<std::string>*, 6> places = {&fields.system,  &fields.node,
                                                             &fields.release, &fields.version,
                                                             &fields.machine, &fields.domain};
  text.remove_prefix(1);
  for (std::size_t index = 0; !text.empty(); ++index) {
    const std::string_view field = text.substr(0, text.find('\\'));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
    if (field.size() > kLongestName) {
      return Error{"'" + std::string(field) + "' is longer than the 64 bytes of a name"};
    }
    if (index > places.size()) return Error{"'" + whole + "' has more than seven fields"};
    if (field.empty()) continue;
    if (index < places.size()) {
      *places[index] = std::string(field);
      continue;
    }
    std::string_view digits = field;
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    // PRoot's way to leave it as it is.
    if (field == "-1") continue;
    if (failure != std::errc() || end != digits.data() + digits.size()) {
      return Error{"'" + std::string(field) + "' is not a hexadecimal number"};
    }
    fields.capabilities = value;
  }
  return fields;
}

std::optional<std::uint32_t> version_code(std::string_view release) {
  std::array<std::uint32_t, 3> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [end, failure] =
        std::from_chars(release.data(), release.data() + release.size(), parts[i]);
    if (failure != std::errc()) {
      if (i == 0) return std::nullopt;
      break;
    }
    release.remove_prefix(static_cast<std::size_t>(end - release.data()));
    if (!release.starts_with('.')) break;
    release.remove_prefix(1);
  }
  // As the kernel's own macro: the third part has 8 bits.
  return (parts[0] << 16) + (parts[1] << 8) + std::min<std::uint32_t>(parts[2], 255);
}

KernelName::KernelName(KernelFields fields, bool keeps_names, bool is_strict)
    : fields_(std::move(fields)), is_strict_(is_strict), first_(std::make_shared<Names>()) {
  first_->node = fields_.node;
  first_->domain = fields_.domain;
  first_->may_change = keeps_names;
}

SysSet KernelName::entries() const {
  SysSet set;
  for (const Sys sys : {Sys::sethostname, Sys::setdomainname})
    set.set(static_cast<std::size_t>(sys));
  return set;
}

SysSet KernelName::exits() const {
  SysSet set;
  for (const Sys sys : {Sys::uname, Sys::olduname, Sys::oldolduname})
    set.set(static_cast<std::size_t>(sys));
  return set;
}

SysSet KernelName::refused() const {
  SysSet set;
  const auto limit = is_strict_ && fields_.release ? version_code(*fields_.release) : std::nullopt;
  if (!limit) return set;
  for (const CallRelease& row : call_releases()) {
    if (row.release > *limit) set.set(static_cast<std::size_t>(row.sys));
  }
  return set;
}

Entry KernelName::on_entry(Call& call) {
  Names& names = names_of(call.thread);
  const auto answer = [&call](std::int64_t result) {
    call.result = result;
    return Entry::answered;
  };
  const auto privilege = privilege_ && !names.is_promised ? privilege_(call.thread) : std::nullopt;
  if (privilege && !*privilege) return answer(-EPERM);
  if (!privilege && !names.may_change) return Entry::proceed;
  const auto size = static_cast<std::int32_t>(call.args[1]);
  if (size < 0 || size > static_cast<std::int32_t>(kLongestName)) return answer(-EINVAL);
  std::string text(static_cast<std::size_t>(size), '\0');
  const auto read =
      call.memory.read(GuestAddress{call.args[0]}, std::as_writable_bytes(std::span(text)));
  if (!read) return answer(-EFAULT);
  text.resize(std::strlen(text.c_str()));
  (call.sys == Sys::sethostname ? names.node : names.domain) = std::move(text);
  return answer(0);
}

void KernelName::on_exit(Call& call) {
  if (call.result != 0) return;
  const Layout layout = layout_of(call.sys);
  const Names& names = names_of(call.thread);
  std::array<std::optional<std::string>, 6> shown = {
      fields_.system, names.node, fields_.release, fields_.version, fields_.machine, names.domain};
  const bool is_narrow = call.abi == &kAbiX86;
  const bool is_wide_name = (shown[4] ? *shown[4] : read_field(call, layout, 4)) == "x86_64";
  if (is_narrow && is_wide_name) shown[4] = "i686";
  for (std::size_t i = 0; i < layout.count; ++i) {
    if (shown[i]) write_field(call, layout, i, *shown[i]);
  }
}

std::vector<std::string_view> KernelName::text_names() const {
  return {"version", "ostype", "osrelease", "hostname", "domainname", "arch"};
}

/// Line of /proc/version: "Linux version RELEASE (who built it) (by what) VERSION".
std::string KernelName::full_version(std::string_view of_host) const {
  utsname real{};
  (void)uname(&real);
  std::string text(of_host);
  const std::size_t end = text.rfind(real.version);
  if (fields_.version && end != text.npos) {
    text.replace(end, std::strlen(real.version), *fields_.version);
  }
  const std::string start = std::string(real.sysname) + " version " + real.release;
  if (text.starts_with(start)) {
    text.replace(0, start.size(),
                 fields_.system.value_or(real.sysname) + " version " +
                     fields_.release.value_or(real.release));
  }
  return text;
}

bool KernelName::on_text(pid_t reader, std::string_view host, std::optional<std::string>& text) {
  const auto show = [&text](const std::optional<std::string>& value) {
    if (value) text = *value + "\n";
    return value.has_value();
  };
  if (host == "/proc/version") {
    if (!text || (!fields_.system && !fields_.release && !fields_.version)) return false;
    text = full_version(*text);
    return true;
  }
  constexpr std::string_view kDirectory = "/proc/sys/kernel/";
  if (!host.starts_with(kDirectory)) return false;
  const std::string_view file = host.substr(kDirectory.size());
  const Names& names = names_of(reader);
  if (file == "ostype") return show(fields_.system);
  if (file == "osrelease") return show(fields_.release);
  if (file == "version") return show(fields_.version);
  if (file == "hostname") return show(names.node);
  if (file == "domainname") return show(names.domain);
  if (file == "arch") return show(fields_.machine);
  return false;
}

void KernelName::on_program_start(ProgramStart& start) {
  for (AuxiliaryEntry& entry : start.auxiliary) {
    if (entry.type == kAtCapabilities && fields_.capabilities) entry.value = *fields_.capabilities;
    if (entry.type != kAtVdso || !fields_.release) continue;
    const auto code = version_code(*fields_.release);
    const bool told =
        code && set_vdso_version(start.memory, entry.value, start.abi->elf_class, *code);
    // A program that would read another release there is better off without (AT_IGNORE).
    if (!told) entry = {.type = 1, .value = 0};
  }
}

KernelName::Names& KernelName::names_of(pid_t thread) {
  const auto found = names_.find(thread);
  return found == names_.end() ? *first_ : *found->second;
}

void KernelName::on_thread_start(pid_t thread, pid_t parent) {
  const auto found = names_.find(parent);
  names_[thread] = found == names_.end() ? first_ : found->second;
}

void KernelName::on_thread_end(pid_t thread) { names_.erase(thread); }

void KernelName::on_thread_renamed(pid_t former, pid_t now) {
  const auto found = names_.find(former);
  if (found == names_.end()) return;
  names_[now] = found->second;
  names_.erase(former);
}

void KernelName::on_namespaces(pid_t thread, std::uint64_t flags) {
  if ((flags & CLONE_NEWUTS) == 0) return;
  auto own = std::make_shared<Names>(names_of(thread));
  own->may_change = own->is_promised = true;
  names_[thread] = std::move(own);
}

}  // namespace nestp
