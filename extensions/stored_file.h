// A file with emulated hard links: where it lies, which symlinks lead there, and how
// many there are (see extensions/link_store.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/result.h"

namespace nestp {

struct StoredFile {
  static constexpr std::string_view kStoreName = ".nestp-links";
  static constexpr std::size_t kIdSize = 16;  ///< hexadecimal digits

  std::string store;  ///< host path of the directory
  std::string id;

  std::string data() const { return store + "/" + id; }
  std::string count_path() const { return data() + ".links"; }
  std::string origin_path() const { return data() + ".from"; }
  friend bool operator==(const StoredFile&, const StoredFile&) = default;

  /// What the symlink at host path `path` stands for; none: it is something else.
  static std::optional<StoredFile> find(const std::string& path);
  /// The same for the path of the data.  Where that is not there, since a name was moved or is seen
  /// through another root directory, the store is looked for further up.
  static std::optional<StoredFile> parse(const std::string& data);

  /// Text of a symlink at `path` that leads here.
  SysResult<std::string> text_from(const std::string& path) const;
  /// How many names it has; none: nobody knows.
  std::optional<std::uint64_t> count() const;
  SysResult<> set_count(std::uint64_t count) const;
};

bool is_stored_id(std::string_view name);

// ---- paths of the host -----------------------------------------------------------

std::string directory_of(const std::string& path);
std::string last_name_of(const std::string& path);
/// Without links; empty: not there.
std::string real_path_of(const std::string& path);
bool is_there(const std::string& path);
std::vector<std::string> names_in(const std::string& directory);
SysResult<> make_symlink(const std::string& text, const std::string& path);
/// A symlink in the place of whatever is at `path`, in one step; made at `on_the_way`.
SysResult<> replace_by_symlink(const std::string& text, const std::string& path,
                               const std::string& on_the_way);

}  // namespace nestp
