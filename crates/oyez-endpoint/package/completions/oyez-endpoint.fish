# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_oyez_endpoint_global_optspecs
    string join \n h/help V/version
end

function __fish_oyez_endpoint_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_oyez_endpoint_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_oyez_endpoint_using_subcommand
    set -l cmd (__fish_oyez_endpoint_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c oyez-endpoint -n "__fish_oyez_endpoint_needs_command" -s h -l help -d 'Print help'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_needs_command" -s V -l version -d 'Print version'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_needs_command" -f -a "run" -d 'Register and wait for pages, until told to end'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_needs_command" -f -a "enrol" -d 'Get a certificate for the device from an authority'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_needs_command" -f -a "status" -d 'Show the registration of each slot of a running endpoint'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand run" -l config -d 'A configuration file, under what is set on the device itself' -r -F
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand run" -l state -d 'Folder for the device\'s identity, its recordings and its control socket' -r -F
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand run" -l web -d 'Where the web pages are served, or off' -r
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand run" -s h -l help -d 'Print help'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand enrol" -l ca -d 'PEM file of the authorities to trust for this, instead of the system\'s' -r -F
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand enrol" -l mac -d 'The hardware address that names the device, instead of the machine\'s first' -r
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand enrol" -l state -d 'Folder for the device\'s identity: that of the endpoint that is to show it' -r -F
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand enrol" -s h -l help -d 'Print help'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand status" -l state -d 'State folder of the running endpoint' -r -F
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand status" -l json -d 'Print JSON alone on standard output'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand status" -s h -l help -d 'Print help'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand help; and not __fish_seen_subcommand_from run enrol status help" -f -a "run" -d 'Register and wait for pages, until told to end'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand help; and not __fish_seen_subcommand_from run enrol status help" -f -a "enrol" -d 'Get a certificate for the device from an authority'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand help; and not __fish_seen_subcommand_from run enrol status help" -f -a "status" -d 'Show the registration of each slot of a running endpoint'
complete -c oyez-endpoint -n "__fish_oyez_endpoint_using_subcommand help; and not __fish_seen_subcommand_from run enrol status help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
