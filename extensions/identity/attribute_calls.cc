// Extended attributes: those of the name spaces trusted and security are nestp's to
// keep; nestp's own are nobody's to see.
#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "extensions/identity/access_list.h"
#include "extensions/identity/program_start.h"
#include "extensions/identity/world.h"

namespace nestp::identity {
namespace {

constexpr std::size_t kLongestName = 255;     // XATTR_NAME_MAX
constexpr std::size_t kLargestValue = 65536;  // XATTR_SIZE_MAX

enum class Space : std::uint8_t { other, user, trusted, security, own, acl };

Space space_of(const std::string& name) {
  if (XattrStore::is_own(name)) return Space::own;
  if (name.starts_with("user.")) return Space::user;
  if (name.starts_with("trusted.")) return Space::trusted;
  if (name.starts_with("security.")) return Space::security;
  return name.starts_with("system.posix_acl_") ? Space::acl : Space::other;
}

/// What every call of this family begins with.
struct Subject {
  CallObject object;
  OwnedFile file;
  std::string name{};
};

/// The name at an address; ERANGE: empty or too long.
SysResult<std::string> read_name(Call& call, std::uint64_t at) {
  constexpr std::uint64_t kPage = 4096;
  std::string name;
  while (name.size() <= kLongestName) {
    // Never past the end of a page: the next one may not be there.
    std::array<char, 64> part{};
    const std::uint64_t size = std::min<std::uint64_t>(part.size(), kPage - at % kPage);
    const auto read =
        call.memory.read(GuestAddress{at}, std::as_writable_bytes(std::span(part)).first(size));
    if (!read) return read.error();
    const std::string_view text(part.data(), size);
    const std::size_t end = text.find('\0');
    name += text.substr(0, end);
    if (end != text.npos) break;
    at += size;
  }
  if (name.empty() || name.size() > kLongestName) return Errno(ERANGE);
  return name;
}

SysResult<Subject> find_subject(World& world, Call& call, std::string name = {}) {
  Subject subject{.object = {}, .file = {}, .name = std::move(name)};
  if (call.objects.empty()) {
    auto open = open_object(call, call.args[0]);
    if (!open) return open.error();
    subject.object = *std::move(open);
  } else {
    subject.object = call.objects[0];
  }
  if (const auto error = refusal_on_way(world, call, subject.object)) return *error;
  auto file = world.look(call, subject.object);
  if (!file) return file.error();
  subject.file = *std::move(file);
  return subject;
}

/// copy_to_user of an attribute's value or list, as all calls of the family do it.
Entry give(Call& call, std::size_t index, const std::string& text) {
  const std::uint64_t room = call.args[index + 1];
  const auto size = static_cast<std::int64_t>(text.size());
  if (room == 0) return answer(call, size);
  if (room < text.size()) return fail(call, ERANGE);
  const auto done =
      call.memory.write(address(call, index), std::as_bytes(std::span(text.data(), text.size())));
  return done ? answer(call, size) : finish(call, done);
}

/// What the thread lacks to change an attribute of these names.
std::optional<int> refusal_of_change(const Credentials& who, const Subject& subject, Space space) {
  const OwnerRecord& file = subject.file.record;
  switch (space) {
    case Space::own:
      return EOPNOTSUPP;
    case Space::trusted:
      return who.has(Capability::administer) ? std::nullopt : std::optional(EPERM);
    case Space::security: {
      const bool is_capability = subject.name == "security.capability";
      const bool may =
          who.has(is_capability ? Capability::set_file_capabilities : Capability::administer);
      return may ? std::nullopt : std::optional(EPERM);
    }
    case Space::user:
      if (!S_ISREG(file.mode) && !S_ISDIR(file.mode)) return EPERM;
      if (S_ISDIR(file.mode) && (file.mode & S_ISVTX) && !may_own(who, file)) return EPERM;
      return may_access(who, subject.file, kWrite) ? std::nullopt : std::optional(EACCES);
    case Space::acl:
      return may_own(who, file) ? std::nullopt : std::optional(EPERM);
    case Space::other: {
      const bool may = subject.name.starts_with("system.") || may_access(who, subject.file, kWrite);
      return may ? std::nullopt : std::optional(EACCES);
    }
  }
  return std::nullopt;
}

constexpr const char* kAccessList = "system.posix_acl_access";

/// Of file systems where nothing has an attribute, whoever asks.
bool can_have_attributes(const World& world, const OwnedFile& file) {
  const dev_t device = file.status().st_dev;
  return device != world.proc_device && device != world.pipe_device();
}

/// The value that the call passes.
SysResult<std::string> read_value(Call& call) {
  if (call.args[3] > kLargestValue) return Errno(E2BIG);
  std::string value(call.args[3], '\0');
  if (value.empty()) return value;
  const auto read = call.memory.read(address(call, 2), std::as_writable_bytes(std::span(value)));
  return read ? SysResult<std::string>(value) : SysResult<std::string>(read.error());
}

/// A list is the kernel's, but for its owner's bits: the host's owner must get in.
Entry set_access_list(World& world, Call& call, const Subject& subject) {
  const auto value = read_value(call);
  if (!value) return fail(call, value.error().code());
  const auto bits = mode_of_list(*value);
  if (!bits) return Entry::proceed;  // EINVAL, says the kernel
  if (!may_own(world.credentials(call), subject.file.record)) return fail(call, EPERM);
  if (subject.name != kAccessList) return Entry::proceed;  // of new files in a directory
  OwnerRecord record = subject.file.record;
  record.mode = (record.mode & ~mode_t{0777}) | *bits;
  const std::string& host = subject.object.host;
  if (is_plain_list(*value)) {
    (void)removexattr(host.c_str(), kAccessList);  // mostly there is none
  } else {
    const std::string list = with_owner_bits(*value, OwnedFiles::host_mode(record.mode));
    if (setxattr(host.c_str(), kAccessList, list.data(), list.size(), 0) != 0) {
      return fail(call, errno);
    }
  }
  // The list has set the host's mode.
  const auto file = world.look(call, subject.object);
  if (!file) return fail(call, file.error().code());
  return finish(call, world.files.set(*file, record));
}

Entry set_attribute(World& world, Call& call) {
  auto name = read_name(call, call.args[1]);
  if (!name) return fail(call, name.error().code());
  const auto subject = find_subject(world, call, *std::move(name));
  if (!subject) return fail(call, subject.error().code());
  const Space space = space_of(subject->name);
  if (space == Space::acl) return set_access_list(world, call, *subject);
  if (const auto error = refusal_of_change(world.credentials(call), *subject, space)) {
    return fail(call, *error);
  }
  if (space != Space::trusted && space != Space::security) {
    world.files.open_up(subject->object.host);
    return Entry::proceed;
  }
  const auto value = read_value(call);
  if (!value) return fail(call, value.error().code());
  if (subject->name == "security.capability" && !parse_file_capabilities(*value)) {
    return fail(call, EINVAL);
  }
  constexpr std::uint32_t kFlags = XATTR_CREATE | XATTR_REPLACE;
  const auto flags = static_cast<std::uint32_t>(call.args[4]);
  if (flags & ~kFlags) return fail(call, EINVAL);
  if (!can_have_attributes(world, subject->file)) return fail(call, EOPNOTSUPP);
  return finish(call, world.files.set_attribute(subject->file, subject->name, *value,
                                                static_cast<int>(flags)));
}

/// Most files have none, which is found out with one call.
bool has_access_list(const Call& call) {
  const CallObject object =
      call.objects.empty() ? descriptor_object(call, call.args[0]) : call.objects[0];
  const auto ask = object.follow ? getxattr : lgetxattr;
  return ask(object.host.c_str(), kAccessList, nullptr, 0) > 0;
}

Entry get_attribute(World& world, Call& call) {
  auto name = read_name(call, call.args[1]);
  if (!name) return fail(call, name.error().code());
  const Credentials& who = world.credentials(call);
  // ls(1) asks for a list of every file it shows: nothing here has to look at the file for that.
  const Space space = space_of(*name);
  const bool is_list = *name == kAccessList;
  if (!is_list && (space == Space::acl || space == Space::other)) return Entry::proceed;
  if (is_list && !has_access_list(call)) return Entry::proceed;
  const auto subject = find_subject(world, call, *std::move(name));
  if (!subject) return fail(call, subject.error().code());
  switch (space) {
    case Space::own:
      return fail(call, ENODATA);
    case Space::user:
      if (!may_access(who, subject->file, kRead)) return fail(call, EACCES);
      world.files.open_up(subject->object.host);
      return Entry::proceed;
    case Space::trusted:
      if (!who.has(Capability::administer)) return fail(call, ENODATA);
      break;
    case Space::security:
      break;
    case Space::acl: {
      const auto list = read_attribute(subject->object.host, subject->object.follow, kAccessList);
      if (!list) return fail(call, list.error().code());
      return give(call, 2, with_owner_bits(*list, subject->file.record.mode));
    }
    case Space::other:
      return Entry::proceed;
  }
  if (!can_have_attributes(world, subject->file)) return fail(call, EOPNOTSUPP);
  const auto value = world.files.attribute(subject->file, subject->name);
  if (value) return give(call, 2, *value);
  // The host may have one of its own: SELinux labels.
  return subject->name.starts_with("trusted.") ? fail(call, ENODATA) : Entry::proceed;
}

Entry remove_attribute(World& world, Call& call) {
  auto name = read_name(call, call.args[1]);
  if (!name) return fail(call, name.error().code());
  const auto subject = find_subject(world, call, *std::move(name));
  if (!subject) return fail(call, subject.error().code());
  const Space space = space_of(subject->name);
  if (const auto error = refusal_of_change(world.credentials(call), *subject, space)) {
    return fail(call, *error);
  }
  if (space != Space::trusted && space != Space::security) return Entry::proceed;
  if (!can_have_attributes(world, subject->file)) return fail(call, EOPNOTSUPP);
  return finish(call, world.files.remove_attribute(subject->file, subject->name));
}

Entry list(World& world, Call& call) {
  const auto subject = find_subject(world, call);
  if (!subject) return fail(call, subject.error().code());
  auto names = list_attributes(subject->object.host, subject->object.follow);
  if (!names && names.error() == Errno(EACCES) && world.files.open_up(subject->object.host)) {
    names = list_attributes(subject->object.host, subject->object.follow);
  }
  std::vector<std::string> shown;
  if (names) {
    std::copy_if(names->begin(), names->end(), std::back_inserter(shown),
                 [](const std::string& name) { return !XattrStore::is_own(name); });
  } else if (names.error() != Errno(EOPNOTSUPP)) {
    return fail(call, names.error().code());
  }
  const bool sees_trusted = world.credentials(call).has(Capability::administer);
  for (std::string& name : world.files.attributes(subject->file)) {
    if (sees_trusted || !name.starts_with("trusted.")) shown.push_back(std::move(name));
  }
  std::string text;
  for (const std::string& name : shown)
    text.append(name.c_str(), name.size() + 1);
  return give(call, 1, text);
}

/// Calls of Linux 6.13 whose struct of arguments nothing here reads: all programs fall back.
Entry refuse(World&, Call& call) { return fail(call, ENOSYS); }

constexpr Route kRoutes[] = {
    {Sys::setxattr, nullptr, set_attribute},
    {Sys::lsetxattr, nullptr, set_attribute},
    {Sys::fsetxattr, set_attribute},
    {Sys::getxattr, nullptr, get_attribute},
    {Sys::lgetxattr, nullptr, get_attribute},
    {Sys::fgetxattr, get_attribute},
    {Sys::removexattr, nullptr, remove_attribute},
    {Sys::lremovexattr, nullptr, remove_attribute},
    {Sys::fremovexattr, remove_attribute},
    {Sys::listxattr, nullptr, list},
    {Sys::llistxattr, nullptr, list},
    {Sys::flistxattr, list},
    {Sys::setxattrat, refuse},
    {Sys::getxattrat, refuse},
    {Sys::removexattrat, refuse},
    {Sys::listxattrat, refuse},
};

}  // namespace

std::span<const Route> attribute_routes() { return kRoutes; }

}  // namespace nestp::identity
