#include "cli/environment/sources.h"

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/environment/store.h"
#include "cli/environment/trees.h"
#include "cli/image/download.h"
#include "cli/image/oci.h"
#include "cli/image/registry.h"
#include "cli/image/tree_writer.h"
#include "fs/session_directory.h"

namespace nestp::environment {
namespace {

Owners owners_here() { return ::geteuid() == 0 ? Owners::archive : Owners::own; }

/// A directory that goes with this object.
class Temporary {
 public:
  Temporary() = default;
  ~Temporary() {
    if (!path_.empty()) remove_tree(AT_FDCWD, path_);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  Result<std::string> make() {
    if (const auto done = make_directories(cache_directory()); !done) return done.error();
    std::string path = cache_directory() + "/unpack.XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return Error{path + ": " + std::strerror(errno)};
    path_ = path;
    return path_;
  }

 private:
  std::string path_;
};

Settings settings_of(const ImageConfig& config) {
  Settings settings;
  settings.variables = config.environment;
  settings.entrypoint = config.entrypoint;
  settings.command = config.command;
  settings.directory = config.directory;
  settings.user = config.user;
  // Most images expect that, and install as root.
  settings.root = config.user.empty() || config.user == "root" || config.user == "0";
  if (settings.root) settings.user.clear();
  return settings;
}

Settings settings_of_tree() {
  Settings settings;
  settings.root = true;
  return settings;
}

Result<Settings> install_image(const LocalImage& image, const std::string& root) {
  const auto notes = owner_notes(root);
  if (const auto done = unpack_layers(image, root, owners_here(), notes.get()); !done) {
    return done.error();
  }
  return settings_of(image.config);
}

/// True if the archive's names are those of an image, not of a tree.
Result<bool> holds_image(const std::string& archive) {
  auto reader = ArchiveReader::open_file(archive);
  if (!reader) return reader.error();
  ArchiveEntry entry;
  while (true) {
    const auto more = reader->next(entry);
    if (!more) return more.error();
    if (!*more) return false;
    const auto name = clean_name(entry.name);
    if (!name) return false;
    if (*name == "oci-layout" || *name == "index.json" || *name == "manifest.json") return true;
    if (name->starts_with("usr/") || name->starts_with("etc/")) return false;
  }
}

Result<Settings> install_archive(const InstallRequest& request, const std::string& archive,
                                 const std::string& root) {
  if (!request.sha256.empty()) {
    const auto sum = sha256_of_file(archive);
    if (!sum) return sum.error();
    if (*sum != request.sha256) return Error{archive + ": the checksum is " + *sum};
  }
  const auto is_image = holds_image(archive);
  if (!is_image) return is_image.error();
  auto reader = ArchiveReader::open_file(archive);
  if (!reader) return reader.error();
  if (!*is_image) {
    const auto notes = owner_notes(root);
    const auto done = unpack(*reader, root, owners_here(), notes.get());
    if (!done) return done.error();
    return settings_of_tree();
  }
  Temporary temporary;
  const auto place = temporary.make();
  if (!place) return place.error();
  const auto done = unpack(*reader, *place, Owners::own);
  if (!done) return done.error();
  const auto image = read_image_directory(*place, image_machine(request.arch));
  if (!image) return image.error();
  return install_image(*image, root);
}

Result<Settings> install_url(const InstallRequest& request, const std::string& root) {
  Temporary temporary;
  const auto place = temporary.make();
  if (!place) return place.error();
  const std::string path = *place + "/archive";
  const auto done = download({.url = request.source,
                              .path = path,
                              .sha256 = request.sha256,
                              .headers = {},
                              .progress = show_progress(name_for(request.source))});
  if (!done) return done.error();
  return install_archive(request, path, root);
}

Result<Settings> install_directory(const InstallRequest& request, const std::string& root) {
  if (is_image_directory(request.source)) {
    const auto image = read_image_directory(request.source, image_machine(request.arch));
    if (!image) return image.error();
    return install_image(*image, root);
  }
  const auto from = owner_notes(request.source);
  const auto to = owner_notes(root);
  const auto done =
      copy_tree(request.source, root, owners_here(), {.from = from.get(), .to = to.get()});
  if (!done) return done.error();
  return settings_of_tree();
}

Result<Settings> install_from(const InstallRequest& request, const std::string& root) {
  const std::string& source = request.source;
  if (source.starts_with("http://") || source.starts_with("https://")) {
    return install_url(request, root);
  }
  struct stat status {};
  if (::stat(source.c_str(), &status) == 0) {
    return S_ISDIR(status.st_mode) ? install_directory(request, root)
                                   : install_archive(request, source, root);
  }
  if (source.starts_with('/') || source.starts_with('.')) {
    return Error{source + ": " + std::strerror(errno)};
  }
  const auto reference = parse_reference(source);
  if (!reference) return reference.error();
  const auto image =
      pull_image(*reference, image_machine(request.arch), cache_directory(), request.insecure);
  if (!image) return image.error();
  return install_image(*image, root);
}

}  // namespace

std::string name_for(const std::string& source) {
  std::string name = source;
  while (name.size() > 1 && name.ends_with('/'))
    name.pop_back();
  name = name.substr(name.rfind('/') + 1);
  name = name.substr(0, name.find('@'));
  for (const char* const ending : {".gz", ".xz", ".zst", ".bz2", ".tgz", ".tar", ".recipe"}) {
    if (name.ends_with(ending)) name.resize(name.size() - std::strlen(ending));
  }
  for (char& letter : name) {
    const auto code = static_cast<unsigned char>(letter);
    if (std::isalnum(code) == 0 && letter != '.' && letter != '_') letter = '-';
  }
  while (!name.empty() && (name.front() == '-' || name.front() == '.'))
    name.erase(0, 1);
  return name.empty() ? "environment" : name;
}

Result<Settings> install_source(const InstallRequest& request, const std::string& root) {
  auto settings = install_from(request, root);
  if (!settings) return settings;
  // Known again also from another directory.
  char* const path = ::realpath(request.source.c_str(), nullptr);
  settings->source = path == nullptr ? request.source : path;
  std::free(path);
  if (::access((root + "/usr").c_str(), F_OK) != 0 &&
      ::access((root + "/bin").c_str(), F_OK) != 0) {
    return Error{request.source + " holds no root file system: it has neither /usr nor /bin"};
  }
  return settings;
}

}  // namespace nestp::environment
