#include "cli/image/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "fs/fd.h"

namespace nestp {

struct ArchiveReader::State {
  ByteSource bytes;
  std::string failure{};  ///< of `bytes`, which libarchive cannot hand on
  archive* handle = nullptr;
  ~State() {
    if (handle != nullptr) archive_read_free(handle);
  }
};

namespace {

Error failure_of(archive* handle, const std::string& other = {}) {
  if (!other.empty()) return {other};
  const char* const text = archive_error_string(handle);
  return {std::string("the archive is damaged: ") + (text == nullptr ? "unknown" : text)};
}

ArchiveEntry::Kind kind_of(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return ArchiveEntry::Kind::hard_link;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return ArchiveEntry::Kind::file;
    case AE_IFDIR:
      return ArchiveEntry::Kind::directory;
    case AE_IFLNK:
      return ArchiveEntry::Kind::symlink;
    case AE_IFCHR:
      return ArchiveEntry::Kind::character;
    case AE_IFBLK:
      return ArchiveEntry::Kind::block;
    case AE_IFIFO:
      return ArchiveEntry::Kind::fifo;
    default:
      return ArchiveEntry::Kind::other;
  }
}

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

ArchiveReader::ArchiveReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader& ArchiveReader::operator=(ArchiveReader&&) noexcept = default;
ArchiveReader::~ArchiveReader() = default;

Result<ArchiveReader> ArchiveReader::open(ByteSource bytes) {
  auto state = std::make_unique<State>();
  state->bytes = std::move(bytes);
  state->handle = archive_read_new();
  archive_read_support_filter_gzip(state->handle);
  archive_read_support_filter_xz(state->handle);
  archive_read_support_filter_lzma(state->handle);
  archive_read_support_filter_bzip2(state->handle);
  archive_read_support_filter_zstd(state->handle);
  archive_read_support_format_tar(state->handle);
  archive_read_support_format_empty(state->handle);
  const auto read = [](archive* handle, void* data, const void** block) -> la_ssize_t {
    auto* const self = static_cast<State*>(data);
    const auto part = self->bytes();
    if (!part) {
      self->failure = part.error().message;
      archive_set_error(handle, EIO, "%s", self->failure.c_str());
      return -1;
    }
    *block = part->data();
    return static_cast<la_ssize_t>(part->size());
  };
  if (archive_read_open2(state->handle, state.get(), nullptr, read, nullptr, nullptr) !=
      ARCHIVE_OK) {
    return failure_of(state->handle, state->failure);
  }
  return ArchiveReader(std::move(state));
}

Result<ArchiveReader> ArchiveReader::open_file(const std::string& path) {
  auto file = open_at(AT_FDCWD, path, O_RDONLY);
  if (!file) return Error{path + ": " + std::strerror(file.error().code())};
  auto shared = std::make_shared<UniqueFd>(std::move(*file));
  auto block = std::make_shared<std::string>(std::size_t{256} * 1024, '\0');
  return open([shared, block, path]() -> Result<std::string_view> {
    while (true) {
      const ssize_t got = ::read(shared->get(), block->data(), block->size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error{path + ": " + std::strerror(errno)};
      return std::string_view(block->data(), static_cast<std::size_t>(got));
    }
  });
}

Result<bool> ArchiveReader::next(ArchiveEntry& entry) {
  archive_entry* found = nullptr;
  const int status = archive_read_next_header(state_->handle, &found);
  if (status == ARCHIVE_EOF) return false;
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
    return failure_of(state_->handle, state_->failure);
  }
  entry = ArchiveEntry{};
  entry.kind = kind_of(found);
  entry.name = text_of(archive_entry_pathname(found));
  entry.link = text_of(entry.kind == ArchiveEntry::Kind::hard_link ? archive_entry_hardlink(found)
                                                                   : archive_entry_symlink(found));
  entry.mode = archive_entry_perm(found);
  entry.uid = static_cast<uid_t>(archive_entry_uid(found));
  entry.gid = static_cast<gid_t>(archive_entry_gid(found));
  entry.seconds = archive_entry_mtime(found);
  entry.nanoseconds = archive_entry_mtime_nsec(found);
  entry.size = static_cast<std::uint64_t>(archive_entry_size(found));
  entry.major_number = static_cast<unsigned>(archive_entry_rdevmajor(found));
  entry.minor_number = static_cast<unsigned>(archive_entry_rdevminor(found));
  return true;
}

Result<ArchiveReader::Part> ArchiveReader::read() {
  const void* block = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (true) {
    const int status = archive_read_data_block(state_->handle, &block, &size, &offset);
    if (status == ARCHIVE_EOF) return Part{};
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
      return failure_of(state_->handle, state_->failure);
    }
    if (size == 0) continue;
    return Part{.bytes = {static_cast<const char*>(block), size},
                .offset = static_cast<std::uint64_t>(offset)};
  }
}

}  // namespace nestp
