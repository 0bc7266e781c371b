/** The line with which `complete` asks the shell for names of files, which each shell finds in its own way. */
export const FILES = ":files";
/** The same for names of directories. */
export const DIRECTORIES = ":directories";

// The scripts only pass the arguments to `complete` and show its answer: one candidate on each line, then a tab and its
// description.

const BASH = `# Completion of pipelinewise-sched. In ~/.bashrc: source <(pipelinewise-sched completion bash)
_pipelinewise_sched() {
  local word=\${COMP_WORDS[COMP_CWORD]} value
  # bash splits --tap=ID into three arguments.
  [[ $word == "=" ]] && word=
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    case $value in
      ${FILES}) compopt -o default ;;
      ${DIRECTORIES}) compopt -o dirnames ;;
      "$word"*) COMPREPLY+=("$value") ;;
    esac
  done < <(command pipelinewise-sched complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _pipelinewise_sched pipelinewise-sched
`;

const ZSH = `# Completion of pipelinewise-sched. In ~/.zshrc, after compinit: source <(pipelinewise-sched completion zsh)
_pipelinewise_sched() {
  local -a lines
  lines=("\${(@f)$(command pipelinewise-sched complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case $lines[1] in
    "") return 1 ;;
    ${FILES}) compset -P '-*='; _files ;;
    ${DIRECTORIES}) compset -P '-*='; _files -/ ;;
    *)
      lines=("\${(@)lines/$'\\t'/:}")
      _describe pipelinewise-sched lines
      ;;
  esac
}
compdef _pipelinewise_sched pipelinewise-sched
`;

const FISH = `# Completion of pipelinewise-sched. In ~/.config/fish/config.fish: pipelinewise-sched completion fish | source
function __pipelinewise_sched_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l lines (command pipelinewise-sched complete -- $words[2..] "$word" 2>/dev/null)
    switch "$lines[1]"
        case ${FILES}
            __fish_complete_path "$word"
        case ${DIRECTORIES}
            __fish_complete_directories "$word" ''
        case '*'
            printf '%s\\n' $lines
    end
end
complete -c pipelinewise-sched -f -a '(__pipelinewise_sched_complete)'
`;

/** The completion script of each shell. */
export const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;
