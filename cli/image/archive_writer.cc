#include "cli/image/archive_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nestp {
namespace {

using Kind = ArchiveEntry::Kind;

constexpr std::size_t kBlock = 512;
constexpr std::size_t kMostName = 100;
constexpr std::uint64_t kMostSize = 077777777777;  // 11 octal digits
constexpr std::uint64_t kMostId = 07777777;

/// A header of POSIX.1-1988, "ustar".
struct Header {
  char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], type, link[100], magic[6],
      version[2], user[32], group[32], major_number[8], minor_number[8], prefix[155], rest[12];
};
static_assert(sizeof(Header) == kBlock);

template <std::size_t Size>
void put_octal(char (&field)[Size], std::uint64_t number) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%0*llo", static_cast<int>(Size) - 1,
                static_cast<unsigned long long>(number));
  std::memcpy(field, text.data(), Size - 1);
}

char type_of(Kind kind) {
  switch (kind) {
    case Kind::hard_link:
      return '1';
    case Kind::symlink:
      return '2';
    case Kind::character:
      return '3';
    case Kind::block:
      return '4';
    case Kind::directory:
      return '5';
    case Kind::fifo:
      return '6';
    default:
      return '0';
  }
}

std::string header_text(const ArchiveEntry& entry, char type) {
  Header header{};
  entry.name.copy(header.name, sizeof header.name);
  entry.link.copy(header.link, sizeof header.link);
  put_octal(header.mode, entry.mode & 07777);
  put_octal(header.uid, std::min<std::uint64_t>(entry.uid, kMostId));
  put_octal(header.gid, std::min<std::uint64_t>(entry.gid, kMostId));
  put_octal(header.size, std::min(entry.size, kMostSize));
  put_octal(header.time, static_cast<std::uint64_t>(std::max<std::int64_t>(entry.seconds, 0)));
  put_octal(header.major_number, entry.major_number);
  put_octal(header.minor_number, entry.minor_number);
  header.type = type;
  std::memcpy(header.magic, "ustar", 6);
  std::memcpy(header.version, "00", 2);
  std::memset(header.sum, ' ', sizeof header.sum);
  std::string text(reinterpret_cast<const char*>(&header), sizeof header);
  unsigned sum = 0;
  for (const char byte : text)
    sum += static_cast<unsigned char>(byte);
  std::snprintf(text.data() + offsetof(Header, sum), sizeof header.sum, "%06o", sum);
  return text;
}

/// "LENGTH KEY=VALUE\n", where the length counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + std::to_string(rest).size();
  if (std::to_string(length).size() > std::to_string(rest).size()) ++length;
  std::string text = std::to_string(length);
  text.append(" ").append(key).append("=").append(value).append("\n");
  return text;
}

const char* compressor_for(const std::string& path) {
  if (path.ends_with(".gz") || path.ends_with(".tgz")) return "gzip";
  if (path.ends_with(".xz")) return "xz";
  return path.ends_with(".zst") ? "zstd" : nullptr;
}

}  // namespace

Result<ArchiveWriter> ArchiveWriter::create(const std::string& path) {
  auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!file) return Error{path + ": " + std::strerror(file.error().code())};
  const char* const compressor = compressor_for(path);
  if (compressor == nullptr) return ArchiveWriter(std::move(*file), 0);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error{std::string("pipe: ") + std::strerror(errno)};
  const UniqueFd from_us(ends[0]);
  UniqueFd to_child(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return Error{std::string("fork: ") + std::strerror(errno)};
  if (child == 0) {
    ::dup2(from_us.get(), STDIN_FILENO);
    ::dup2(file->get(), STDOUT_FILENO);
    ::execlp(compressor, compressor, "-c", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  std::signal(SIGPIPE, SIG_IGN);  // finish() tells what became of the compressor
  return ArchiveWriter(std::move(to_child), child);
}

Result<> ArchiveWriter::write_all(std::string_view bytes) {
  written_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{std::string("it cannot be written: ") + std::strerror(errno)};
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return Done{};
}

Result<> ArchiveWriter::pad() {
  return write_all(std::string((kBlock - written_ % kBlock) % kBlock, '\0'));
}

Result<> ArchiveWriter::add_long_names(const ArchiveEntry& entry) {
  std::string records;
  if (entry.name.size() > kMostName) records += pax_record("path", entry.name);
  if (entry.link.size() > kMostName) records += pax_record("linkpath", entry.link);
  if (entry.size > kMostSize) records += pax_record("size", std::to_string(entry.size));
  if (entry.uid > kMostId) records += pax_record("uid", std::to_string(entry.uid));
  if (entry.gid > kMostId) records += pax_record("gid", std::to_string(entry.gid));
  if (records.empty()) return Done{};
  ArchiveEntry header{.name = "pax", .mode = 0644};
  header.size = records.size();
  if (auto done = write_all(header_text(header, 'x')); !done) return done;
  if (auto done = write_all(records); !done) return done;
  return pad();
}

Result<> ArchiveWriter::add(const ArchiveEntry& entry) {
  if (auto done = pad(); !done) return done;
  if (auto done = add_long_names(entry); !done) return done;
  return write_all(header_text(entry, type_of(entry.kind)));
}

Result<> ArchiveWriter::write(std::string_view bytes) { return write_all(bytes); }

Result<> ArchiveWriter::finish() {
  if (auto done = pad(); !done) return done;
  if (auto done = write_all(std::string(2 * kBlock, '\0')); !done) return done;
  file_.reset();
  if (compressor_ == 0) return Done{};
  int status = 0;
  while (::waitpid(compressor_, &status, 0) < 0 && errno == EINTR)
    continue;
  if (status == 0) return Done{};
  return Error{WIFEXITED(status) && WEXITSTATUS(status) == 127
                   ? "the program to compress it with is not installed; choose another ending"
                   : "the archive could not be compressed"};
}

}  // namespace nestp
