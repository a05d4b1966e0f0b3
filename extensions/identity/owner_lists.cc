#include "extensions/identity/owner_lists.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <sys/sysmacros.h>
#include <utility>

namespace nestp::identity {
namespace {

constexpr std::array<std::pair<mode_t, std::string_view>, 7> kTypes = {{
    {S_IFREG, "file"},
    {S_IFDIR, "dir"},
    {S_IFLNK, "link"},
    {S_IFIFO, "fifo"},
    {S_IFSOCK, "socket"},
    {S_IFCHR, "char"},
    {S_IFBLK, "block"},
}};

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const bool is_whole = failure == std::errc() && end == text.data() + text.size();
  return is_whole && !text.empty() ? std::optional(value) : std::nullopt;
}

/// Cuts the part before `separator` off `text`.
std::string_view take(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

bool is_plain(char letter) {
  return letter > ' ' && letter < 127 && letter != '\\' && letter != '#';
}

/// As vis(3) with VIS_OCTAL does it.
std::string encoded(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    if (is_plain(letter)) {
      result += letter;
      continue;
    }
    std::array<char, 8> code{};
    std::snprintf(code.data(), code.size(), "\\%03o",
                  static_cast<unsigned>(static_cast<unsigned char>(letter)));
    result += code.data();
  }
  return result;
}

std::string decoded(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto code = text.front() == '\\' ? number(text.substr(1, 3), 8) : std::nullopt;
    result += code ? static_cast<char>(*code) : text.front();
    text.remove_prefix(code ? std::min<std::size_t>(4, text.size()) : 1);
  }
  return result;
}

/// "native,1,3", or "0x103", or "1,3".
std::optional<dev_t> parse_device(std::string_view text) {
  if (text.starts_with("native,")) text.remove_prefix(7);
  if (text.find(',') == text.npos) {
    const auto whole = text.starts_with("0x") ? number(text.substr(2), 16) : number(text, 10);
    return whole ? std::optional<dev_t>(*whole) : std::nullopt;
  }
  const auto first = number(take(text, ','), 10);
  const auto second = number(text, 10);
  if (!first || !second) return std::nullopt;
  return makedev(static_cast<unsigned>(*first), static_cast<unsigned>(*second));
}

/// Which of what a line must say it has said.
struct Said {
  bool user = false, group = false, mode = false, type = false;
  bool all() const { return user && group && mode && type; }
};

/// False: the value is none.
bool take_word(std::string_view key, std::string_view value, OwnerEntry& entry, Said& said) {
  OwnerRecord& record = entry.record;
  if (key == "uid" || key == "gid") {
    const auto id = number(value, 10);
    if (!id || *id >= kNoId) return false;
    (key == "uid" ? record.user : record.group) = static_cast<Id>(*id);
    (key == "uid" ? said.user : said.group) = true;
  } else if (key == "mode") {
    const auto mode = number(value, 8);
    if (!mode) return false;
    record.mode |= *mode & 07777;
    said.mode = true;
  } else if (key == "type") {
    for (const auto& [type, name] : kTypes) {
      if (name != value) continue;
      record.mode |= type;
      said.type = true;
    }
  } else if (key == "device") {
    const auto device = parse_device(value);
    if (!device) return false;
    record.device = *device;
  } else if (key == "link") {
    entry.target = decoded(value);
  }
  return true;
}

}  // namespace

std::string fakeroot_line(const OwnerEntry& entry) {
  const OwnerRecord& record = entry.record;
  std::array<char, 256> text{};
  std::snprintf(
      text.data(), text.size(), "dev=%llx,ino=%llu,mode=%llo,uid=%u,gid=%u,nlink=%llu,rdev=%llu\n",
      static_cast<unsigned long long>(entry.device), static_cast<unsigned long long>(entry.inode),
      static_cast<unsigned long long>(record.mode), record.user, record.group,
      static_cast<unsigned long long>(entry.links), static_cast<unsigned long long>(record.device));
  return text.data();
}

std::optional<OwnerEntry> parse_fakeroot(std::string_view line) {
  constexpr std::array<std::pair<std::string_view, int>, 7> kFields = {{{"dev", 16},
                                                                        {"ino", 10},
                                                                        {"mode", 8},
                                                                        {"uid", 10},
                                                                        {"gid", 10},
                                                                        {"nlink", 10},
                                                                        {"rdev", 10}}};
  if (line.ends_with('\n')) line.remove_suffix(1);
  std::array<std::uint64_t, kFields.size()> values{};
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    std::string_view value = take(line, ',');
    if (take(value, '=') != kFields[i].first) return std::nullopt;
    const auto read = number(value, kFields[i].second);
    if (!read) return std::nullopt;
    values[i] = *read;
  }
  OwnerEntry entry{
      .device = values[0], .inode = values[1], .links = static_cast<nlink_t>(values[5])};
  entry.record = {.user = static_cast<Id>(values[3]),
                  .group = static_cast<Id>(values[4]),
                  .mode = static_cast<mode_t>(values[2]),
                  .device = values[6]};
  return entry;
}

std::string mtree_line(const OwnerEntry& entry) {
  const OwnerRecord& record = entry.record;
  std::string line = encoded(entry.path) + " type=";
  for (const auto& [type, name] : kTypes) {
    if ((record.mode & S_IFMT) == type) line += name;
  }
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", record.mode & 07777U);
  line += " uid=" + std::to_string(record.user) + " gid=" + std::to_string(record.group) +
          " mode=" + mode.data();
  if (S_ISCHR(record.mode) || S_ISBLK(record.mode)) {
    line += " device=native," + std::to_string(major(record.device)) + "," +
            std::to_string(minor(record.device));
  }
  if (!entry.target.empty()) line += " link=" + encoded(entry.target);
  return line + "\n";
}

std::optional<OwnerEntry> parse_mtree(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.empty() || line.front() == '#' || line.front() == '/') return std::nullopt;
  OwnerEntry entry{.path = decoded(take(line, ' '))};
  Said said;
  while (!line.empty()) {
    std::string_view word = take(line, ' ');
    const std::string_view key = take(word, '=');
    if (!take_word(key, word, entry, said)) return std::nullopt;
  }
  const bool names_path = entry.path == "." || entry.path.find('/') != std::string::npos;
  if (!said.all() || !names_path) return std::nullopt;
  return entry;
}

}  // namespace nestp::identity
