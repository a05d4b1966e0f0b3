#include "extensions/identity/permission.h"

#include <cerrno>

#include "extensions/identity/access_list.h"

namespace nestp::identity {
bool may_access(const Credentials& who, const OwnerRecord& file, unsigned wish,
                std::string_view list) {
  unsigned given = file.mode;
  if (who.user.file_system == file.user) {
    given >>= 6;
  } else if (!list.empty() && (file.mode & 070)) {
    given = bits_by_list(list, who, file.group, wish);
  } else if (who.is_in_group(file.group)) {
    given >>= 3;
  }
  if ((wish & ~given & 7U) == 0) return true;
  const bool is_directory = S_ISDIR(file.mode);
  const bool may_run = is_directory || !(wish & kExecute) || (file.mode & 0111);
  if (may_run && who.has(Capability::override_access)) return true;
  const bool only_looks = is_directory ? !(wish & kWrite) : wish == kRead;
  return only_looks && who.has(Capability::read_anything);
}

bool may_access(const Credentials& who, const OwnedFile& file, unsigned wish) {
  // A list can only matter to a stranger, and not to root.
  const bool has_group_bits = (file.record.mode & 070) != 0;
  const bool is_stranger = who.user.file_system != file.record.user;
  const mode_t type = file.status().st_mode & S_IFMT;
  const bool can_have_list = type == S_IFREG || type == S_IFDIR;
  if (!has_group_bits || !is_stranger || !can_have_list || who.has(Capability::override_access)) {
    return may_access(who, file.record, wish, {});
  }
  const auto list = read_attribute(file.ref.host, file.ref.follow, "system.posix_acl_access");
  return may_access(who, file.record, wish, list ? *list : std::string());
}

bool may_own(const Credentials& who, const OwnerRecord& file) {
  return who.user.file_system == file.user || who.has(Capability::own_anything);
}

bool is_protected(const Credentials& who, const OwnerRecord& directory, const OwnerRecord& entry) {
  if (!(directory.mode & S_ISVTX) || who.has(Capability::own_anything)) return false;
  return who.user.file_system != entry.user && who.user.file_system != directory.user;
}

std::string without_slashes(const std::string& host) {
  const std::size_t last = host.find_last_not_of('/');
  return last == host.npos ? "/" : host.substr(0, last + 1);
}

bool ends_in_dots(const std::string& host) {
  const std::string entry = without_slashes(host);
  return entry.ends_with("/.") || entry.ends_with("/..");
}

std::string directory_of(const std::string& host) {
  const std::string entry = without_slashes(host);
  const std::size_t slash = entry.rfind('/');
  return slash == 0 || slash == entry.npos ? "/" : entry.substr(0, slash);
}

std::optional<Errno> refusal_on_way(OwnedFiles& files, const Credentials& who,
                                    const std::string& host, std::size_t skip) {
  if (who.has(Capability::override_access) || who.has(Capability::read_anything)) {
    return std::nullopt;
  }
  const std::string whole = without_slashes(host);
  for (std::size_t end = skip; end != whole.npos && end < whole.size();
       end = whole.find('/', end + 1)) {
    const auto directory = files.look(end == 0 ? "/" : whole.substr(0, end), true);
    if (!directory) return std::nullopt;
    if (!S_ISDIR(directory->record.mode)) return std::nullopt;  // ENOTDIR, says the kernel
    if (!may_access(who, *directory, kExecute)) return Errno(EACCES);
  }
  return std::nullopt;
}

}  // namespace nestp::identity
