#include "extensions/stored_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <unistd.h>

#include "fs/fd.h"

namespace nestp {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string last_name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string real_path_of(const std::string& path) {
  std::array<char, PATH_MAX> text{};
  return realpath(path.c_str(), text.data()) == nullptr ? std::string() : text.data();
}

bool is_stored_id(std::string_view name) {
  return name.size() == StoredFile::kIdSize &&
         name.find_first_not_of("0123456789abcdef") == name.npos;
}

bool is_there(const std::string& path) { return lstat_of(path).ok(); }

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  DIR* const listing = opendir(directory.c_str());
  if (listing == nullptr) return names;
  while (const dirent* const entry = readdir(listing))
    names.emplace_back(entry->d_name);
  closedir(listing);
  return names;
}

SysResult<> make_symlink(const std::string& text, const std::string& path) {
  return symlink(text.c_str(), path.c_str()) == 0 ? SysResult<>(Done{}) : Errno(errno);
}

SysResult<> replace_by_symlink(const std::string& text, const std::string& path,
                               const std::string& on_the_way) {
  (void)unlink(on_the_way.c_str());  // of one that was killed
  if (const auto made = make_symlink(text, on_the_way); !made) return made;
  return rename(on_the_way.c_str(), path.c_str()) == 0 ? SysResult<>(Done{}) : Errno(errno);
}

SysResult<std::string> StoredFile::text_from(const std::string& path) const {
  const std::string from = real_path_of(directory_of(path));
  const std::string parent = directory_of(real_path_of(store));
  if (from.empty() || parent.empty()) return Errno(ENOENT);
  std::size_t common = 0;  // both end there at a slash, or whole
  for (std::size_t i = 0; i <= std::min(from.size(), parent.size()); ++i) {
    const bool ends_both =
        (i == from.size() || from[i] == '/') && (i == parent.size() || parent[i] == '/');
    if (ends_both) common = i;
    if (i < std::min(from.size(), parent.size()) && from[i] != parent[i]) break;
  }
  std::string text;
  for (std::size_t i = common; i < from.size(); ++i) {
    if (from[i] == '/' && i + 1 < from.size()) text += "../";
  }
  const std::string down = parent.substr(std::min(common + 1, parent.size()));
  if (!down.empty()) text += down + "/";
  return text + std::string(kStoreName) + "/" + id;
}

std::optional<StoredFile> StoredFile::parse(const std::string& data) {
  const std::size_t slash = data.rfind('/');
  if (slash == data.npos || !is_stored_id(std::string_view(data).substr(slash + 1)))
    return std::nullopt;
  StoredFile file{.store = data.substr(0, slash), .id = data.substr(slash + 1)};
  if (last_name_of(file.store) != kStoreName) return std::nullopt;
  if (is_there(file.data())) return file;
  // A link that was moved alone, or seen through a new root directory: the store is further up.
  std::string above = directory_of(file.store);
  while (above.size() > 1) {
    above = directory_of(above);
    file.store = (above == "/" ? "" : above) + "/" + std::string(kStoreName);
    if (is_there(file.data())) return file;
  }
  return std::nullopt;
}

std::optional<StoredFile> StoredFile::find(const std::string& path) {
  const auto text = read_link(path);
  if (!text || text->front() == '/' || !is_stored_id(last_name_of(*text))) return std::nullopt;
  const std::size_t slash = text->rfind('/');
  if (slash == text->npos || last_name_of(text->substr(0, slash)) != kStoreName)
    return std::nullopt;
  const std::string from = directory_of(path);
  const std::string store = real_path_of(from + "/" + text->substr(0, slash));
  if (!store.empty() && is_there(store + "/" + last_name_of(*text))) {
    return StoredFile{.store = store, .id = last_name_of(*text)};
  }
  return parse(real_path_of(from) + "/" + std::string(kStoreName) + "/" + last_name_of(*text));
}

std::optional<std::uint64_t> StoredFile::count() const {
  const auto text = read_link(count_path());
  std::uint64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
  return failure == std::errc() ? std::optional(value) : std::nullopt;
}

SysResult<> StoredFile::set_count(std::uint64_t count) const {
  return replace_by_symlink(std::to_string(count), count_path(), count_path() + ".new");
}

}  // namespace nestp
